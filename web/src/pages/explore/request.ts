/** The request of what is on the screen: as JSON, for curl and for Python, and as a file to download. */
import { send } from "~/api/client";
import { readError } from "~/api/errors";
import type { Days, Module, Question } from "~/api/questions";
import { questionPath } from "~/api/questions";
import { ROOT } from "~/root";
import { saveFile } from "~/ui/downloads";

const TOKEN = "YOUR-TOKEN";

export interface QuestionRequest {
  /** Path and query string below the server's root. */
  path: string;
  question: Question;
}

/** Return the request of a question. */
export function makeRequest(
  application: string,
  module: Module,
  study: string,
  days: Days,
  question: Question,
): QuestionRequest {
  return { path: `${questionPath(application, module, study)}?from=${days.from}&to=${days.to}&meta=true`, question };
}

/** Return a text as one word of a POSIX shell. */
export function quoteShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Return the request as a command of curl. */
export function curlCommand({ path, question }: QuestionRequest, base: string): string {
  return [
    `curl ${quoteShell(base + path)} \\`,
    `  --header ${quoteShell(`Authorization: Bearer ${TOKEN}`)} \\`,
    `  --header ${quoteShell("Content-Type: application/json")} \\`,
    `  --data ${quoteShell(JSON.stringify(question))}`,
  ].join("\n");
}

/** Return a value as a literal of Python. */
export function pythonLiteral(value: unknown, indent = ""): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value); // numbers and texts are written as in JSON
  const parts = Array.isArray(value)
    ? value.map((one) => pythonLiteral(one, `${indent}    `))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${pythonLiteral(one, `${indent}    `)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const line = `${open}${parts.join(", ")}${close}`;
  if (line.length + indent.length <= 88 && !line.includes("\n")) return line;
  return `${open}\n${parts.map((part) => `${indent}    ${part},\n`).join("")}${indent}${close}`;
}

/** Return the request as a program of Python that needs no further package. */
export function pythonProgram({ path, question }: QuestionRequest, base: string): string {
  return `import json
from urllib.request import Request, urlopen

TOKEN = ${JSON.stringify(TOKEN)}
URL = ${JSON.stringify(base + path)}
QUESTION = ${pythonLiteral(question)}

request = Request(
    URL,
    data=json.dumps(QUESTION).encode(),
    headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
)
with urlopen(request) as response:
    answer = json.load(response)
for element in answer["results"]:
    print(element["kpi"], element["scope"], json.dumps(element["data"], ensure_ascii=False))
`;
}

export type FileFormat = "csv" | "xlsx" | "parquet";

/** Return the name that a response gives its file. */
export function readFileName(disposition: string | null, fallback: string): string {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? "")?.[1];
  if (encoded) return decodeURIComponent(encoded);
  return /filename="?([^";]+)"?/i.exec(disposition ?? "")?.[1] ?? fallback;
}

/** Ask for the answer as a file, and save it. `locale`: decimals, dates and separators as there. Throw ApiError. */
export async function downloadAnswer(
  { path, question }: QuestionRequest,
  format: FileFormat,
  locale?: string,
): Promise<void> {
  const query = `&format=${format}${locale ? `&locale=${locale}` : ""}`;
  const response = await send(`${ROOT}${path.replace("&meta=true", "")}${query}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(question),
  });
  if (!response.ok) throw await readError(response);
  const kpi = question.params[0]?.kpi ?? "answer";
  saveFile(await response.blob(), readFileName(response.headers.get("Content-Disposition"), `${kpi}.${format}`));
}
