/** The entity of the second database in our README. */
import { Column, Entity, PrimaryGeneratedColumn } from "typeorm";

@Entity()
export class ReportEntity {
	@PrimaryGeneratedColumn()
	id!: number;

	@Column("text")
	title!: string;
}
