/** The packages of the AWS SDK that sign login tokens, loaded when they are needed: an application that logs in with passwords does without them. */
import type { DsqlSigner } from "@aws-sdk/dsql-signer";
import type { Signer } from "@aws-sdk/rds-signer";

import { OptionInvalidError } from "../errors/errors.js";
import { loadOptionalPackage } from "../support/optional-package.js";

/** @throws OptionInvalidError with the command that installs `@aws-sdk/rds-signer` where it is missing. */
export function loadRdsSigner(): typeof Signer {
	return (load("@aws-sdk/rds-signer", "rds-iam") as { Signer: typeof Signer }).Signer;
}

/** @throws OptionInvalidError with the command that installs `@aws-sdk/dsql-signer` where it is missing. */
export function loadDsqlSigner(): typeof DsqlSigner {
	return (load("@aws-sdk/dsql-signer", "dsql-iam") as { DsqlSigner: typeof DsqlSigner }).DsqlSigner;
}

function load(name: string, source: string): unknown {
	const loaded = loadOptionalPackage(name);
	if (loaded !== undefined) return loaded;
	throw new OptionInvalidError("credentials.source", `"${source}" needs a package that is not installed; run: npm install ${name}`);
}
