/** The entity that most snippets of the reference's README name. */
import { Column, Entity, PrimaryGeneratedColumn } from "typeorm";

@Entity()
export class UserEntity {
	@PrimaryGeneratedColumn()
	id!: number;

	@Column("text")
	name!: string;
}
