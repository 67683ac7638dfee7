/** What `--help` prints. */

export const USAGE = `Usage: nestjs-typeorm-aws-connector <command> --application <name> --environment <name> [options]

Commands
  doctor      shows every value and where it comes from, then tries secret, server and login; all problems at once
  policy      prints the IAM policy that allows exactly what this configuration needs
  provision   shows which parameters and which secret are missing; creates them with --apply, overwrites nothing
  dev         starts an AWS endpoint on this machine with the parameters and secrets of a file, for local work

Options of all commands but dev
  --application, --environment    the first two segments of every parameter's name
  --namespace, --instance         the next two, for the fields that do not name them (databaseName, type, the pool)
  --region, --endpoint            of AWS; default: as the AWS SDK finds out
  --config <file>                 the connector's options: .json, or .js, .cjs, .mjs, .ts that exports them
  --decrypt                       decrypt SecureStrings, as shouldDecryptParameters: true does
  --on-demand                     the application has shouldLoadOnDemand: true
  --json                          print data instead of text

doctor
  --allow-plaintext               log in also where the connection to another machine is not encrypted

policy
  --account <digits>              default: the account in the ARNs that are found
  --secret-kms-key <arn>          the secret has a key of its own
  --parameter-kms-key <arn>       SecureStrings have a key of their own
  --allow-set                     the application also writes the secret
  --resource-id <id>              db-… or cluster-… of an RDS database with IAM logins

provision
  --apply                         create; without it nothing is changed
  --set <field>=<value>           value of a missing parameter; as often as needed
  --secret-description <text>, --secret-kms-key <key>
  --automatic-rotation --rotation-lambda-arn <arn> [--rotation-days <days>]

dev <file> [-- <command> …]       { "parameters": { "<full name>": "<value>" }, "secrets": { "<name>": { … } } }
  --port <number>                 default: 4599
  --region <name>                 default: eu-west-1
                                  the command behind -- is started with the variables of the endpoint, and ends it

Exit code: 0 all is well, 1 there are problems, 2 the command line was not understood`;
