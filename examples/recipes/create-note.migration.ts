import type { MigrationInterface, QueryRunner } from "typeorm";

export class CreateNote1700000000000 implements MigrationInterface {
	async up(queryRunner: QueryRunner): Promise<void> {
		await queryRunner.query("CREATE TABLE note (id serial PRIMARY KEY, text text NOT NULL)");
	}

	async down(queryRunner: QueryRunner): Promise<void> {
		await queryRunner.query("DROP TABLE note");
	}
}
