import { Alert, Group, Select, Switch, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { PlansEntry } from '@/app/plan/plansStore';
import { type ComparedField, comparedTexts } from '@/core/planning/comparedSections';
import { formatShape } from '@/shared/geometry';
import { formatKernel } from '../components/planFormats';
import { usePlans } from '../components/usePlans';
import { plural } from '../formats';
import tables from './tables.module.css';

/** Two plans side by side, of one dataset or of two, with what differs marked. */
export function ComparePlans({ entry }: { entry: PlansEntry }) {
  const others = usePlans((state) => state.entries).filter(({ id }) => id !== entry.id);
  const sibling = others.find((one) => one.datasetName === entry.datasetName);
  const [otherId, setOtherId] = useState<string | undefined>((sibling ?? others[0])?.id);
  const [isOnlyDifferences, setOnlyDifferences] = useState(true);
  const other = others.find(({ id }) => id === otherId);
  const { sections, problem } = useMemo(
    () => (other ? comparedTexts(entry, other) : { sections: [], problem: undefined }),
    [entry, other],
  );
  if (!other) {
    return (
      <Text size="sm" c="dimmed">
        There is nothing to compare with yet: make new plans, or drop another plans file.
      </Text>
    );
  }
  const differences = sections.flatMap(({ fields }) => fields).filter(({ differs }) => differs).length;
  return (
    <>
      <Group gap="md" align="flex-end" mb="sm">
        <Select
          label="Compare with"
          w={320}
          maw="100%"
          searchable
          data={others.map((one) => ({ value: one.id, label: `${one.plansName} · ${one.datasetName}` }))}
          value={other.id}
          allowDeselect={false}
          onChange={(value) => setOtherId(value ?? undefined)}
        />
        <Switch
          label="Only differences"
          checked={isOnlyDifferences}
          onChange={({ currentTarget }) => setOnlyDifferences(currentTarget.checked)}
          mb={7}
        />
        <Text size="sm" c="dimmed" mb={7} aria-live="polite">
          {problem === undefined && (differences === 0 ? 'No difference' : plural(differences, 'difference'))}
          {problem === undefined && '; sizes are x × y × z'}
        </Text>
      </Group>
      {problem !== undefined && (
        <Alert color="red" variant="light" role="alert">
          {problem}
        </Alert>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className={tables.tableScroll} aria-label="Comparison" tabIndex={0}>
        <table className={tables.compared}>
          <thead>
            <tr>
              <th scope="col">Field</th>
              <ComparedHead entry={entry} />
              <ComparedHead entry={other} />
            </tr>
          </thead>
          {sections.map(({ title, fields }) => {
            const shown = fields.filter(({ differs }) => differs || !isOnlyDifferences);
            if (shown.length === 0) return null;
            return (
              <tbody key={title}>
                <tr className={tables.group}>
                  <th scope="rowgroup" colSpan={3}>
                    {title}
                  </th>
                </tr>
                {shown.map((field) => (
                  <FieldRow key={field.path} field={field} />
                ))}
              </tbody>
            );
          })}
        </table>
      </section>
    </>
  );
}

function ComparedHead({ entry }: { entry: PlansEntry }) {
  return (
    <th scope="col">
      {entry.plansName}
      <small>{entry.datasetName}</small>
    </th>
  );
}

function FieldRow({ field: { path, isXyz, a, b, differs } }: { field: ComparedField }) {
  const text = isXyz ? sizesText : valueText;
  return (
    <tr data-differs={differs}>
      <th scope="row">{path.replace('architecture.arch_kwargs.', '')}</th>
      <td>{text(a)}</td>
      <td>
        {differs && <span className="visuallyHidden">differs: </span>}
        {text(b)}
      </td>
    </tr>
  );
}

/** `48 × 32 × 16`; of every stage `3×3×1, 3×3×3`. */
function sizesText(value: unknown): string {
  if (!Array.isArray(value)) return valueText(value);
  if (value.some(Array.isArray)) {
    return value.map((one) => (Array.isArray(one) ? formatKernel(one) : valueText(one))).join(', ');
  }
  return formatShape(value.map((size) => (typeof size === 'number' ? Number(size.toPrecision(6)) : size)));
}

/** JSON with a space after commas, so that lists can wrap; numbers to six digits. */
function valueText(value: unknown): string {
  if (value === undefined) return '–';
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_, one) =>
    typeof one === 'number' ? Number(one.toPrecision(6)) : one,
  ).replace(/,/g, ', ');
}
