/*
 * Loaded before the C library (LD_PRELOAD) into a process under test: turns
 * flushes off, lets the n-th write or flush fail, and shifts the wall clock.
 * The test says what through a file of one page that both map.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITES = 1, FLUSHES = 2 };

/* fault-control.ts writes and reads the same fields at the same places. */
struct control {
  _Atomic uint32_t no_flush;  /* flushes do nothing and say that they did */
  _Atomic uint32_t failing;   /* the calls that are counted, WRITES or FLUSHES; 0 for none */
  _Atomic uint32_t at;        /* the call that fails, from 1 */
  _Atomic uint32_t error;     /* its errno */
  _Atomic uint32_t from_then; /* so do all calls after it */
  _Atomic uint32_t calls;     /* counted so far */
  _Atomic uint32_t failed;    /* failed so far */
  uint32_t unused;
  _Atomic int64_t clock_s;    /* seconds added to the wall clock */
};

static struct control nothing;
static struct control *control = &nothing;
/* Only files below this path are meant: the process writes to others too. */
static const char *below = "";

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CRASH_CONTROL");
  const char *folder = getenv("CRASH_BELOW");
  if (path == NULL || folder == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *page = mmap(NULL, sizeof nothing, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page == MAP_FAILED) return;
  below = folder;
  control = page;
}

static bool is_meant(int fd) {
  char link[32], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  size_t prefix = strlen(below);
  return strncmp(path, below, prefix) == 0 && (path[prefix] == '/' || path[prefix] == 0);
}

/* Counts a call; true, with errno set, when it is one that fails. */
static bool fails(uint32_t kind, int fd) {
  if (atomic_load(&control->failing) != kind) return false;
  if (fd >= 0 && !is_meant(fd)) return false;
  uint32_t call = atomic_fetch_add(&control->calls, 1) + 1, at = atomic_load(&control->at);
  if (call != at && !(call > at && atomic_load(&control->from_then))) return false;
  atomic_fetch_add(&control->failed, 1);
  errno = (int)atomic_load(&control->error);
  return true;
}

#define FLUSH(name, declaration, fd, ...)                \
  int name declaration {                                 \
    if (fails(FLUSHES, fd)) return -1;                   \
    if (atomic_load(&control->no_flush)) return 0;       \
    return REAL(name)(__VA_ARGS__);                      \
  }

FLUSH(fsync, (int fd), fd, fd)
FLUSH(fdatasync, (int fd), fd, fd)
FLUSH(sync_file_range, (int fd, off64_t at, off64_t bytes, unsigned flags), fd, fd, at, bytes, flags)
FLUSH(msync, (void *address, size_t bytes, int flags), -1, address, bytes, flags)

#define WRITE(name, declaration, ...)                    \
  ssize_t name declaration {                             \
    if (fails(WRITES, fd)) return -1;                    \
    return REAL(name)(__VA_ARGS__);                      \
  }

WRITE(write, (int fd, const void *bytes, size_t length), fd, bytes, length)
WRITE(pwrite, (int fd, const void *bytes, size_t length, off_t at), fd, bytes, length, at)
WRITE(pwrite64, (int fd, const void *bytes, size_t length, off64_t at), fd, bytes, length, at)
WRITE(writev, (int fd, const struct iovec *parts, int count), fd, parts, count)
WRITE(pwritev, (int fd, const struct iovec *parts, int count, off_t at), fd, parts, count, at)
WRITE(pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), fd, parts, count, at)

/* A file opened for synchronous writes is flushed without being asked; not when flushes are off. */
#define OPEN(name)                                                                        \
  int name(const char *path, int flags, ...) {                                            \
    va_list rest;                                                                         \
    va_start(rest, flags);                                                                \
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0;           \
    va_end(rest);                                                                         \
    if (atomic_load(&control->no_flush)) flags &= ~(O_SYNC | O_DSYNC);                    \
    return REAL(name)(path, flags, mode);                                                 \
  }

OPEN(open)
OPEN(open64)

int clock_gettime(clockid_t clock, struct timespec *now) {
  static __typeof__(&clock_gettime) real;
  if (real == NULL) real = REAL(clock_gettime);
  int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    now->tv_sec += atomic_load(&control->clock_s);
  }
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static __typeof__(&gettimeofday) real;
  if (real == NULL) real = REAL(gettimeofday);
  int result = real(now, zone);
  if (result == 0) now->tv_sec += atomic_load(&control->clock_s);
  return result;
}
