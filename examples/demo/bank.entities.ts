/** The tables of the demonstration: accounts, and the transfers between them. */
import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from "typeorm";

/** An account. */
@Entity()
export class Account {
	@PrimaryColumn("int")
	id!: number;

	@Column("int")
	balance!: number;
}

/** A transfer that was made. */
@Entity()
export class Transfer {
	@PrimaryGeneratedColumn()
	id!: number;

	@Column("int")
	amount!: number;

	@Column("int")
	fromId!: number;

	@Column("int")
	toId!: number;
}
