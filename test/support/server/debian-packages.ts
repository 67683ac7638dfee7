/**
 * Programs from the packages of Debian and Ubuntu, unpacked into a folder. Nothing of the machine changes: no package counts as installed,
 * no service starts, and apt's own lists and caches stay as they are. Root is not needed either.
 */
import { execFile } from "node:child_process";
import { appendFile, chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const DEBIAN_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Packages to unpack. */
export interface DebianPackages {
	/** Those that are needed for a file or two, without what they depend on. */
	readonly alone?: readonly string[];
	/** Those whose programs are run: with all they depend on that the machine does not have. */
	readonly packages: readonly string[];
	/** A suite of Debian's, other than that of the machine; then everything comes from there, the C library included. Default: the machine's. */
	readonly suite?: string;
}

/** A server that cannot be had on this machine. */
export class ServerUnavailableError extends Error {
	override readonly name = "ServerUnavailableError";
}

/**
 * Downloads packages from where the machine gets its own, verified as apt verifies them, and unpacks them into `folder`. Throws
 * {@link ServerUnavailableError} where there is no apt, and when it cannot get them.
 */
export async function unpackDebianPackages(folder: string, { alone = [], packages, suite }: DebianPackages): Promise<void> {
	const scratch = join(folder, "apt");
	const archives = join(scratch, "cache", "archives");
	const configuration = join(scratch, "apt.conf");
	await mkdir(join(archives, "partial"), { recursive: true });
	await mkdir(join(scratch, "lists", "partial"), { recursive: true });
	await writeFile(configuration, formatConfiguration(scratch));
	if (suite !== undefined) await useSuite(suite, { configuration, scratch });
	const apt = (...parameters: readonly string[]) => run("apt-get", ["-c", configuration, "-qq", ...parameters], archives);
	try {
		// One source that does not answer, of many, is no reason to fail: what matters is whether the packages can be had.
		await apt("update").catch((error: unknown) => {
			if (isMissing(error)) throw error;
		});
		await apt("install", "--download-only", "--no-install-recommends", "--yes", ...packages);
		// Once more, for those that the machine has installed.
		await apt("download", ...packages, ...alone);
		for (const name of await readdir(archives))
			if (name.endsWith(".deb")) await run("dpkg-deb", ["-x", join(archives, name), folder], folder);
	} catch (error) {
		const names = [...packages, ...alone].join(", ");
		const reason = isMissing(error) ? "this machine has no apt-get" : String((error as { stderr?: string }).stderr);
		throw new ServerUnavailableError(`No Debian package ${names}: ${reason.trim()}`, { cause: error });
	}
	await rm(scratch, { recursive: true });
	// The last package decides about the mode of the folder itself.
	await chmod(folder, 0o755);
}

/** The environment in which an unpacked program finds its libraries. */
export async function findLibraries(folder: string): Promise<NodeJS.ProcessEnv> {
	return { LC_ALL: "C", LD_LIBRARY_PATH: (await listLibraryFolders(folder)).join(":"), PATH: process.env["PATH"], TZ: "UTC" };
}

/** Where unpacked libraries are. */
export async function listLibraryFolders(folder: string): Promise<string[]> {
	const parents = ["lib", join("usr", "lib")].map((name) => join(folder, name));
	const paths = await Promise.all(
		parents.map(async (parent) => {
			const names = await readdir(parent).catch((): string[] => []);
			return names.filter((name) => name.includes("-linux-gnu")).map((name) => join(parent, name));
		}),
	);
	return paths.flat();
}

/** Of its own are the lists and the archives; sources, keys and what is installed are those of the machine. */
function formatConfiguration(scratch: string): string {
	return `
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Post-Invoke;
		Acquire::http::Timeout "20";
		Acquire::https::Timeout "20";
		Acquire::Languages "none";
		Acquire::Retries "2";
		APT::Sandbox::User "";
		Debug::NoLocking "true";
		Dir::Cache "${join(scratch, "cache")}";
		Dir::State::Lists "${join(scratch, "lists")}";
	`;
}

/** Nothing is taken to be installed, so that all libraries come from the same suite. */
async function useSuite(
	suite: string,
	{ configuration, scratch }: { readonly configuration: string; readonly scratch: string },
): Promise<void> {
	const [sources, status] = [join(scratch, "sources.list"), join(scratch, "status")];
	await writeFile(sources, `deb [signed-by=${DEBIAN_KEYS}] ${await findArchive()} ${suite} main\n`);
	await writeFile(status, "");
	const lines = `
		Dir::Etc::PreferencesParts "-";
		Dir::Etc::SourceList "${sources}";
		Dir::Etc::SourceParts "-";
		Dir::State::status "${status}";
	`;
	await appendFile(configuration, lines);
}

/** Debian's archive, at the place where the machine gets its own packages. */
async function findArchive(): Promise<string> {
	try {
		const { stdout } = await promisify(execFile)("apt-get", ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
		const archive = stdout.split("\n").find((uri) => /\/debian\/?$/.test(uri));
		if (archive !== undefined) return archive;
	} catch (error) {
		throw new ServerUnavailableError("No Debian package: apt-get does not say where its packages come from", { cause: error });
	}
	throw new ServerUnavailableError("No Debian package: this machine gets none from an archive of Debian");
}

async function run(program: string, parameters: readonly string[], folder: string): Promise<void> {
	await promisify(execFile)(program, parameters, {
		cwd: folder,
		env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
	});
}

function isMissing(error: unknown): boolean {
	return (error as NodeJS.ErrnoException).code === "ENOENT";
}
