/** A field of a request that the server refused. */
export interface FieldError {
  in: string;
  pointer: string;
  code?: string;
  message: string;
}

/** An answer of the server that is an error (RFC 9457), or a failed connection (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly requestId: string | null = null,
    readonly errors: readonly FieldError[] = [],
    /** What kind of error it is, such as `captcha_required`. */
    readonly code: string = "",
    /** How much work the captcha of a locked account is. */
    readonly captchaLevel: number = 0,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Return the message for a field of the body, such as `coordinates` or `address/city`, if it was refused. */
  fieldMessage(field: string): string | undefined {
    const pointer = `/${field}`;
    return this.errors.find((error) => error.pointer === pointer || error.pointer.startsWith(`${pointer}/`))?.message;
  }
}

/** Return what was thrown as an error that can be shown. */
export function toApiError(problem: unknown): ApiError {
  return problem instanceof ApiError ? problem : new ApiError(0, String(problem));
}

interface Problem {
  detail?: string;
  title?: string;
  requestId?: string;
  errors?: FieldError[];
  code?: string;
  captchaLevel?: number;
}

/** Return the error that a response describes. */
export async function readError(response: Response): Promise<ApiError> {
  let problem: Problem = {};
  try {
    problem = (await response.json()) as Problem;
  } catch {
    // a proxy between may answer with something else
  }
  const message = problem.detail ?? problem.title ?? `${response.status} ${response.statusText}`.trim();
  const requestId = problem.requestId ?? response.headers.get("X-Request-Id");
  const { errors = [], code, captchaLevel } = problem;
  return new ApiError(response.status, message, requestId, errors, code, captchaLevel);
}
