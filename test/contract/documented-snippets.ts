/** The TypeScript snippets of the documentation. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { findCodeBlocks, PROJECT_ROOT, readDocuments } from "../support/markdown.js";

/** The files in examples/recipes as documents show them, with spaces. They are run by test/integration/standalone. */
export const RECIPES: ReadonlySet<string> = new Set(
	readdirSync(join(PROJECT_ROOT, "examples/recipes")).map((name) =>
		readFileSync(join(PROJECT_ROOT, "examples/recipes", name), "utf8")
			.replaceAll("\t", "  ")
			.trimEnd(),
	),
);

/** Snippets by what they export first. Recipes are left out. Their relative imports lead to the entities beside this file. */
export const SNIPPETS: ReadonlyMap<string, { readonly path: string; readonly text: string }> = new Map(
	readDocuments().flatMap((document) =>
		findCodeBlocks(document)
			.filter(({ language, text }) => (language === "ts" || language === "typescript") && !RECIPES.has(text))
			.map(({ endLine, text }) => {
				const name =
					/^export (?:abstract |async )?(?:class|const|function) (\w+)/m.exec(text)?.[1] ?? `${document.path}:${String(endLine)}`;
				return [name, { path: join(__dirname, "entities", `${name}.snippet.ts`), text }] as const;
			}),
	),
);
