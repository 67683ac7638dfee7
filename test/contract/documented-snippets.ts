/** The TypeScript snippets of the documentation. */
import { join } from "node:path";

import { findCodeBlocks, readDocuments } from "../support/markdown.js";

/** Snippets by what they export first. Their relative imports lead to the entities beside this file. */
export const SNIPPETS: ReadonlyMap<string, { readonly path: string; readonly text: string }> = new Map(
	readDocuments().flatMap((document) =>
		findCodeBlocks(document)
			.filter(({ language }) => language === "ts" || language === "typescript")
			.map(({ endLine, text }) => {
				const name =
					/^export (?:abstract |async )?(?:class|const|function) (\w+)/m.exec(text)?.[1] ?? `${document.path}:${String(endLine)}`;
				return [name, { path: join(__dirname, "entities", `${name}.snippet.ts`), text }] as const;
			}),
	),
);
