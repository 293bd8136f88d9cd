/** An error as S3 answers it: status, code and a sentence. */
export class S3Error extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'S3Error';
    this.status = status;
    this.code = code;
  }
}

export const accessDenied = () => new S3Error(403, 'AccessDenied', 'Access Denied');
export const notImplemented = () =>
  new S3Error(501, 'NotImplemented', 'This store does not have what the request asks for.');
export const malformedXml = () =>
  new S3Error(400, 'MalformedXML', 'The XML you provided was not well-formed or did not validate.');
