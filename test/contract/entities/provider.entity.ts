/** The entity of the second database in the reference's README. */
import { Column, Entity, PrimaryGeneratedColumn } from "typeorm";

@Entity()
export class ProviderEntity {
	@PrimaryGeneratedColumn()
	id!: number;

	@Column("text")
	name!: string;
}
