/** The public shape of what a user gives the Parameter Store module, and of a lookup. */
import type { SSMClient, SSMClientConfig } from "@aws-sdk/client-ssm";
import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency, Provider, Type } from "@nestjs/common";

import type { EEnvironment } from "./environment.enum.js";
import type { ENamespace } from "./namespace.enum.js";

/**
 * A structured lookup of `/<application>/<environment>/<namespace>/<instanceName>/<path…>`.
 * Segments are trimmed; one that is empty, not text or holds a slash is refused with a LookupInvalidError.
 * @example
 * { namespace: ENamespace.AWS_RDS, instanceName: "aurora-postgres", path: ["host"] }
 */
export interface IConfigGetProperties {
	/** First segment. Default: as registered. */
	application?: string;
	/** Second segment. Default: as registered. */
	environment?: EEnvironment | string;
	/** Fourth segment. Default: as registered. */
	instanceName?: string;
	/** Third segment. Default: as registered. */
	namespace?: ENamespace | string;
	/** The remaining segments, at least one. */
	path: readonly string[];
}

/**
 * Where a parameter is: a structured lookup, or its full name. A full name begins with `/` or is the ARN of a
 * parameter, as for one that another account shares. A version (`:3`) or a label (`:live`) may stand at its end.
 * @example
 * "/prod/db/host"
 * "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db/host:3"
 */
export type TParameterLookup = IConfigGetProperties | string;

/**
 * A parameter as it was read.
 * @example
 * { isEncrypted: false, text: "5432", type: "String", version: 3 }
 */
export interface IParameterValue {
	/** Whether `text` is what a SecureString is encrypted to, since it was read without decryption. */
	readonly isEncrypted: boolean;
	/** The value. */
	readonly text: string;
	/** `String`, `StringList` or `SecureString`; `undefined` where the parameter store in use does not tell. */
	readonly type: string | undefined;
	/** Number of the version; `undefined` where the parameter store in use does not tell. */
	readonly version: number | undefined;
}

/**
 * A parameter that is not what it was when it was read before. Its value is not told: it may be a secret.
 * @example
 * parameters.changes$.subscribe(({ kind, path }) => logger.log(`${path} was ${kind}`));
 */
export interface IParameterChange {
	/** What happened to it between the two reads. */
	readonly kind: "added" | "changed" | "removed";
	/** Its full name. */
	readonly path: string;
}

/** How `ParameterStoreConfigService.getMany` answers. */
export interface IParameterStoreGetManyOptions {
	/** Whether Systems Manager is asked although the values are known. Default `false`. */
	shouldRefresh?: boolean;
	/** Ends the wait with a ConnectorClosedError. */
	signal?: AbortSignal | undefined;
}

/**
 * What a Parameter Store module is told. The four segments are trimmed; one that is missing, empty, not text or
 * holds a slash is refused with an OptionInvalidError that names it.
 * @example
 * { application: "shop", environment: EEnvironment.PRODUCTION, namespace: ENamespace.POSTGRES, instanceName: "main" }
 */
export interface IParameterStoreConfigProperties {
	/** First segment of lookups that do not name it. */
	application: string;
	/**
	 * How old values may become, in milliseconds, 1 or more. A `get` of an older one gives it once more and has everything
	 * read again behind it; `getMany` waits for the new one. While Systems Manager does not answer, the last good values
	 * stay. Default: they are read again only when `refresh` or `shouldRefresh` says so.
	 */
	cacheTtlMs?: number;
	/** A ready-made client. It is used as it is and never destroyed. Cannot be combined with `config`. */
	client?: SSMClient;
	/**
	 * Configuration of the client made by the module, which is destroyed when the application shuts down. Default: as the
	 * SDK finds out by itself, with 2 s to connect and 4 s for a request.
	 */
	config?: SSMClientConfig;
	/** Second segment of lookups that do not name it. */
	environment: EEnvironment | string;
	/** Fourth segment of lookups that do not name it. */
	instanceName: string;
	/** Whether paths and counts are logged, never values. Default `false`. */
	isVerbose?: boolean;
	/** Third segment of lookups that do not name it. */
	namespace: ENamespace | string;
	/** Whether a SecureString is decrypted. Default `false`: its value is then the encrypted text. */
	shouldDecryptParameters?: boolean;
	/**
	 * Whether nothing is read at start, only what `getMany` asks for. Default `false`: everything under
	 * `/<application>/<environment>` is read at start, ten parameters a request, within 60 s.
	 */
	shouldLoadOnDemand?: boolean;
	/** Whether the read at start goes below the first level. Default `true`. */
	shouldUseRecursiveLoading?: boolean;
}

/**
 * Options of `ParameterStoreConfigModule.register()`.
 * @example
 * { application: "shop", environment: "production", namespace: "api", instanceName: "main", isGlobal: false }
 */
export interface IParameterStoreConfigModuleOptions extends IParameterStoreConfigProperties {
	/** Whether ParameterStoreConfigService can be injected everywhere, and connectors use it. Default `true`. */
	isGlobal?: boolean;
}

/** A class that makes the properties, for `useClass` and `useExisting`. */
export interface IParameterStoreConfigPropertiesFactory {
	/** Called once, when the application starts. */
	createOptions(): IParameterStoreConfigProperties | Promise<IParameterStoreConfigProperties>;
}

/**
 * Options of `ParameterStoreConfigModule.registerAsync()`: one of `useFactory`, `useExisting`, `useClass`, looked at in
 * this order.
 * @example
 * { imports: [ConfigModule], inject: [ConfigService], useFactory: (config: ConfigService) => config.getOrThrow("parameterStore") }
 */
export interface IParameterStoreConfigAsyncModuleProperties<TFactoryArguments extends unknown[] = never[]> extends Pick<
	ModuleMetadata,
	"imports"
> {
	/** Providers that the factory or the class needs, besides those of `imports`. */
	extraProviders?: Provider[];
	/** What the factory is given. */
	inject?: (InjectionToken | OptionalFactoryDependency)[];
	/** Whether ParameterStoreConfigService can be injected everywhere, and connectors use it. Default `true`. */
	isGlobal?: boolean;
	/** A class to make the properties, instantiated for this registration. */
	useClass?: Type<IParameterStoreConfigPropertiesFactory>;
	/** A provider of an imported module that makes the properties. */
	useExisting?: InjectionToken;
	/** A function that makes the properties. */
	useFactory?: (...factoryArguments: TFactoryArguments) => IParameterStoreConfigProperties | Promise<IParameterStoreConfigProperties>;
}
