/** The application with all of the optional peers, as ESM. */
import { match } from "node:assert/strict";

import * as secretsManager from "@aws-sdk/client-secrets-manager";
import * as common from "@nestjs/common";
import * as config from "@nestjs/config";
import * as core from "@nestjs/core";
import * as schedule from "@nestjs/schedule";
import * as terminus from "@nestjs/terminus";
import * as nestTypeorm from "@nestjs/typeorm";
import * as connector from "nestjs-typeorm-aws-connector";
import * as terminusEntry from "nestjs-typeorm-aws-connector/terminus";
import * as typeorm from "typeorm";

import { runApplication } from "./run-application.cjs";

match(import.meta.resolve("nestjs-typeorm-aws-connector"), /\/dist\/index\.mjs$/);
await runApplication({ common, config, connector, core, nestTypeorm, schedule, secretsManager, terminus, terminusEntry, typeorm });
