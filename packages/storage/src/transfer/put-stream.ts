import type { RequestBody } from '@omnigate/kernel';
import type { Intake } from './intake.ts';
import type { Upload } from './upload.ts';

/** What the kernel tells about a PUT, on its way to the upload. */
export class PutStream implements RequestBody {
  readonly #intake: Intake;
  readonly #upload: Upload;

  constructor(intake: Intake, upload: Upload) {
    this.#intake = intake;
    this.#upload = upload;
  }

  onData(payload: Uint8Array): void {
    this.#intake.push(payload);
  }

  onEnd(): void {
    this.#intake.end();
  }

  onCancel(): void {
    this.#upload.stop('cancelled');
  }
}
