/** Injection tokens. Each is the string of its own name. */

/** The parameters read at start: `Parameter[]` as Systems Manager returned them, empty when loading on demand. */
export const PARAMETER_STORE_CONFIG_PARAMETERS = "PARAMETER_STORE_CONFIG_PARAMETERS";

/** The properties of the registration: {@link IParameterStoreConfigProperties}. */
export const PARAMETER_STORE_CONFIG_PROPERTIES = "PARAMETER_STORE_CONFIG_PROPERTIES";

/** The `SSMClient` of the registration. */
export const PARAMETER_STORE_SSM_CLIENT = "PARAMETER_STORE_SSM_CLIENT";
