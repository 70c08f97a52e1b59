/**
 * The SDK's modules, imported statically, and this file dynamically: a dynamic import of CommonJS gives something else under plain
 * Node (the exports under `default`) than under tsx (spread out), and a static one the same everywhere.
 */
import ecs from '@alicloud/ecs20140526';
import openapi from '@alicloud/openapi-core';

export { ecs, openapi };
