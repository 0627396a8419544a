"""`python3 -m omnigate_client`: try a node from the command line."""

import argparse
import os
import sys

from . import Client, Mailbox, OapError, Storage
from .client import DEFAULT_URL

EXIT_REFUSED, EXIT_USAGE = 1, 2


def main() -> int:
    options = _parser().parse_args()
    url = os.environ.get('RON_NODE_URL', DEFAULT_URL)
    try:
        with Client(url, os.environ.get('RON_CAP'), os.environ.get('RON_CA_FILE')) as client:
            options.run(client, options)
        return 0
    except OapError as error:
        print(f'{url}: {error}', file=sys.stderr)
        if error.reason == 'cap_missing':
            print('Set RON_CAP to a capability; `ronctl cap mint` prints one.', file=sys.stderr)
        return EXIT_REFUSED
    except OSError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python3 -m omnigate_client',
        description='Talks to a node at RON_NODE_URL, with the capability in RON_CAP.',
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')

    def add(name, run, help_text, *arguments):
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.set_defaults(run=run)
        for argument, settings in arguments:
            command.add_argument(argument, **settings)

    topic = ('topic', {'help': 'such as orders/eu'})
    add('hello', _hello, 'Show what the node says of itself.')
    add('echo', _echo, 'Send text to the echo service and print what comes back.', ('text', {}))
    add('send', _send, 'Send text to a topic and print the id.', topic, ('text', {}), ('--key', {}))
    add('receive', _receive, 'Print messages of a topic and acknowledge each.', topic,
        ('--wait-ms', {'type': int, 'default': 1_000}))
    add('put', _put, 'Store a file and print its id.', ('file', {}))
    add('get', _get, 'Write the bytes of a blob to standard output.', ('id', {}))
    return parser


def _hello(client, _options):
    for name, value in client.hello.items():
        print(f'{name}: {value}')


def _echo(client, options):
    print(client.echo(options.text.encode()).decode())


def _send(client, options):
    keyed = {} if options.key is None else {'key': options.key}
    message_id, duplicate = Mailbox(client, options.topic).send(options.text.encode(), **keyed)
    print(message_id + (' (known already)' if duplicate else ''))


def _receive(client, options):
    mailbox = Mailbox(client, options.topic)
    while messages := mailbox.receive(16, options.wait_ms):
        for message in messages:
            print(message.body.decode(errors='replace'), flush=True)
        # What is acknowledged is gone, so it is printed before.
        mailbox.acknowledge(*messages)


def _put(client, options):
    with open(options.file, 'rb') as file:
        print(Storage(client).put(file.read()).id)


def _get(client, options):
    for chunk in Storage(client).get(options.id):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


sys.exit(main())
