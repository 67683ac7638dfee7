/** The application with none of the optional peers, as ESM. */
import { match, throws } from "node:assert/strict";

import * as secretsManager from "@aws-sdk/client-secrets-manager";
import * as common from "@nestjs/common";
import * as core from "@nestjs/core";
import * as connector from "nestjs-typeorm-aws-connector";
import * as typeorm from "typeorm";

import { runApplication } from "./run-application.cjs";

match(import.meta.resolve("nestjs-typeorm-aws-connector"), /\/dist\/index\.mjs$/);
for (const peer of ["config", "schedule", "typeorm"]) throws(() => import.meta.resolve(`@nestjs/${peer}`));
await runApplication({ common, connector, core, secretsManager, typeorm });
