/** The SDK's core, imported as `ecs-module.ts` does and for its reason. */
import openapi from '@alicloud/openapi-core';
import dara from '@darabonba/typescript';

export { dara, openapi };
