/** Reads a stream a few bytes at a time, for the opening lines of a protocol. */
import type { Duplex } from "node:stream";

/** See above. `detach()` gives the stream back; bytes that were not read go back into it. */
export class ByteReader {
	private bytes: Buffer = Buffer.alloc(0);
	private readonly take = (chunk: Buffer): void => {
		this.bytes = Buffer.concat([this.bytes, chunk]);
		this.settle();
	};
	private wanted:
		{ readonly count: number; readonly resolve: (bytes: Buffer) => void; readonly reject: (error: Error) => void } | undefined;
	private readonly fail = (): void => this.wanted?.reject(new Error("the stream has ended"));

	constructor(private readonly stream: Duplex) {
		stream.on("data", this.take);
		stream.once("close", this.fail);
	}

	/** The next `count` bytes. Rejects when the stream ends before. */
	read(count: number): Promise<Buffer> {
		return new Promise((resolve, reject) => {
			this.wanted = { count, reject, resolve };
			this.settle();
		});
	}

	/** Stops reading. */
	detach(): void {
		this.stream.off("data", this.take);
		this.stream.off("close", this.fail);
		this.stream.pause();
		if (this.bytes.length > 0) this.stream.unshift(this.bytes);
	}

	private settle(): void {
		const { wanted } = this;
		if (wanted === undefined || this.bytes.length < wanted.count) return;
		this.wanted = undefined;
		const read = this.bytes.subarray(0, wanted.count);
		this.bytes = this.bytes.subarray(wanted.count);
		wanted.resolve(read);
	}
}
