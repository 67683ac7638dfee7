/** The classes that sign login tokens. Their packages are loaded when a token is needed. */
import type { DsqlSigner } from "@aws-sdk/dsql-signer";
import type { Signer } from "@aws-sdk/rds-signer";

import { OptionInvalidError } from "../errors/errors.js";
import { loadDsqlSignerPackage, loadRdsSignerPackage } from "./optional-packages.js";

/** @throws OptionInvalidError with the command that installs `@aws-sdk/rds-signer` where it is missing. */
export function loadRdsSigner(): typeof Signer {
	return requireInstalled(loadRdsSignerPackage(), "@aws-sdk/rds-signer", "rds-iam").Signer;
}

/** @throws OptionInvalidError with the command that installs `@aws-sdk/dsql-signer` where it is missing. */
export function loadDsqlSigner(): typeof DsqlSigner {
	return requireInstalled(loadDsqlSignerPackage(), "@aws-sdk/dsql-signer", "dsql-iam").DsqlSigner;
}

function requireInstalled<Package>(loaded: Package | undefined, name: string, source: string): Package {
	if (loaded !== undefined) return loaded;
	throw new OptionInvalidError("credentials.source", `"${source}" needs a package that is not installed; run: npm install ${name}`);
}
