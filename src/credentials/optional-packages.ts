/** The packages of the AWS SDK that sign login tokens: an application that logs in with passwords does without them. */
import type * as dsqlSigner from "@aws-sdk/dsql-signer";
import type * as rdsSigner from "@aws-sdk/rds-signer";

import { acceptMissingPackage, loadOnce } from "../support/missing-package.js";

/** `@aws-sdk/rds-signer`; `undefined` when it is not installed. */
export const loadRdsSignerPackage = loadOnce((): typeof rdsSigner | undefined => {
	try {
		return require("@aws-sdk/rds-signer") as typeof rdsSigner;
	} catch (error) {
		acceptMissingPackage("@aws-sdk/rds-signer", error);
		return undefined;
	}
});

/** `@aws-sdk/dsql-signer`; `undefined` when it is not installed. */
export const loadDsqlSignerPackage = loadOnce((): typeof dsqlSigner | undefined => {
	try {
		return require("@aws-sdk/dsql-signer") as typeof dsqlSigner;
	} catch (error) {
		acceptMissingPackage("@aws-sdk/dsql-signer", error);
		return undefined;
	}
});
