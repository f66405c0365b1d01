import { ActionIcon, Button, Group, TextInput, Tooltip } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import type { StageEdit } from '@/core/planning/editPlans';
import { networkOfXyz, xyzOfNetwork } from '@/shared/geometry';
import editing from './edit.module.css';
import { Term } from './Term';
import { TupleInput } from './TupleInput';

interface StageEditorProps {
  readonly stages: readonly StageEdit[];
  /** Of the plans: strides and kernels are edited as x × y × z. */
  readonly transposeBackward: readonly number[];
  /** Plain convolutions, not residual blocks. */
  readonly isPlain: boolean;
  readonly onChange: (stages: readonly StageEdit[]) => void;
}

/** The stages of the U as a table of fields. */
export function StageEditor({ stages, transposeBackward, isPlain, onChange }: StageEditorProps) {
  const change = (index: number, part: Partial<StageEdit>) =>
    onChange(stages.map((stage, i) => (i === index ? { ...stage, ...part } : stage)));
  const addStage = () => {
    const last = stages[stages.length - 1];
    onChange([
      ...stages.slice(0, -1),
      { ...last, decoderConvs: Math.max(1, stages[stages.length - 2]?.decoderConvs ?? 1) },
      { ...last, stride: last.stride.map(() => 2), decoderConvs: 0 },
    ]);
  };
  return (
    <div className={editing.stages}>
      <table>
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col">
              <Term term="features">Features</Term>
            </th>
            <th scope="col">
              <Term term="stride">Stride</Term>
            </th>
            <th scope="col">
              <Term term="kernel">Kernel</Term>
            </th>
            <th scope="col">
              <Term term="convs">{isPlain ? 'Conv' : 'Blocks'}</Term>
            </th>
            <th scope="col">
              <Term term="decoderConvs">Decoder</Term>
            </th>
          </tr>
        </thead>
        <tbody>
          {stages.map((stage, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a stage is its place
            <tr key={i}>
              <th scope="row">{i + 1}</th>
              <td>
                <CountInput
                  label={`Stage ${i + 1}, features`}
                  value={stage.features}
                  onChange={(features) => change(i, { features })}
                />
              </td>
              <td>
                <TupleInput
                  size="xs"
                  aria-label={`Stage ${i + 1}, stride`}
                  value={xyzOfNetwork(stage.stride, transposeBackward)}
                  onChange={(xyz) => change(i, { stride: networkOfXyz(xyz, transposeBackward) })}
                />
              </td>
              <td>
                <TupleInput
                  size="xs"
                  aria-label={`Stage ${i + 1}, kernel`}
                  value={xyzOfNetwork(stage.kernelSize, transposeBackward)}
                  onChange={(xyz) => change(i, { kernelSize: networkOfXyz(xyz, transposeBackward) })}
                />
              </td>
              <td>
                <CountInput
                  label={`Stage ${i + 1}, ${isPlain ? 'convolutions' : 'blocks'}`}
                  value={stage.convs}
                  onChange={(convs) => change(i, { convs })}
                />
              </td>
              <td>
                {i < stages.length - 1 ? (
                  <CountInput
                    label={`Stage ${i + 1}, decoder convolutions`}
                    value={stage.decoderConvs}
                    onChange={(decoderConvs) => change(i, { decoderConvs })}
                  />
                ) : (
                  <Tooltip label="Remove the last stage">
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label="Remove the last stage"
                      disabled={stages.length <= 2}
                      onClick={() => onChange(stages.slice(0, -1))}
                    >
                      <IconTrash size={15} />
                    </ActionIcon>
                  </Tooltip>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Group>
        <Button
          size="compact-xs"
          variant="subtle"
          leftSection={<IconPlus size={13} aria-hidden />}
          onClick={addStage}
        >
          Add a stage
        </Button>
      </Group>
    </div>
  );
}

interface CountInputProps {
  readonly label: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
}

/** Empty is no number, and refused. */
function CountInput({ label, value, onChange }: CountInputProps) {
  return (
    <TextInput
      size="xs"
      inputMode="numeric"
      aria-label={label}
      value={Number.isNaN(value) ? '' : String(value)}
      error={!(Number.isInteger(value) && value >= 1)}
      onChange={({ currentTarget }) => {
        const text = currentTarget.value.trim();
        onChange(/^\d+$/.test(text) ? Number(text) : Number.NaN);
      }}
    />
  );
}
