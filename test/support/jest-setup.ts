/** Runs before every spec file: decorators need the metadata polyfill; what is logged is noise unless a spec looks at it. */
import "reflect-metadata";

import { Logger } from "@nestjs/common";

process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

// Spies on Logger.prototype still see every line.
if (process.env["SHOW_LOGS"] === undefined) Logger.overrideLogger(false);
