/** Runs before every spec file: decorators need the metadata polyfill, and the AWS SDK must not print its Node notice. */
import "reflect-metadata";

process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
