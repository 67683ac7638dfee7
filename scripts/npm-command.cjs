/** How npm is started from a script: the very npm that runs under `npm run`, else the one on the PATH, which on Windows is a shell script. */

/**
 * @param {string[]} npmArguments
 * @returns {{ command: string, commandArguments: string[], isShellNeeded: boolean }}
 */
function npmCommand(npmArguments) {
	const cli = process.env["npm_execpath"] ?? "";
	if (/npm-cli\.c?js$/.test(cli)) return { command: process.execPath, commandArguments: [cli, ...npmArguments], isShellNeeded: false };
	return { command: "npm", commandArguments: npmArguments, isShellNeeded: process.platform === "win32" };
}

module.exports = { npmCommand };
