export interface TestGroups {
  readonly gpu: readonly string[];
  readonly unit: readonly string[];
}
export function testGroups(root: string): TestGroups;
