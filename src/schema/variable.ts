import type { ShownVariable } from '../domain/version-variables.ts';
import { builder } from './builder.ts';
import { fromSnapshot } from './from-snapshot.ts';
import { VariableType } from './scalars.ts';

builder.objectType('Variable', {
  description: 'A hole in the text of a version.',
  fields: (t) => ({
    name: t.exposeString('name', {
      extensions: fromSnapshot<ShownVariable>(({ name }) => name),
      description: 'Its name: the first segment of its path.',
    }),
    type: t.expose('type', {
      type: VariableType,
      extensions: fromSnapshot<ShownVariable>(({ type }) => type),
      description: 'What values it takes.',
    }),
    required: t.exposeBoolean('required', {
      extensions: fromSnapshot<ShownVariable>(({ required }) => required),
      description: 'Whether a strict render refuses to go without a value (a default counts as one).',
    }),
    default: t.field({
      type: 'JSON',
      nullable: true,
      extensions: fromSnapshot<ShownVariable>((variable) => variable.default),
      description: 'What stands in when no value is given.',
      resolve: (variable) => variable.default ?? null,
    }),
    description: t.string({
      nullable: true,
      extensions: fromSnapshot<ShownVariable>(({ description }) => description),
      description: 'What it means.',
      resolve: ({ description }) => description ?? null,
    }),
    options: t.stringList({
      nullable: true,
      extensions: fromSnapshot<ShownVariable>(({ options }) => options),
      description: 'The values of an ENUM.',
      resolve: ({ options }) => (options === undefined ? null : [...options]),
    }),
    declared: t.exposeBoolean('declared', {
      extensions: fromSnapshot<ShownVariable>(({ declared }) => declared),
      description:
        'false: found in the text only, then it is a required STRING. contentHash covers the declared ones.',
    }),
  }),
});
