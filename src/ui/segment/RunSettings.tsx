import { Chip, Collapse, Group, SegmentedControl, Stack, Switch, Text, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconChevronRight } from '@tabler/icons-react';
import type { OfferedConfiguration } from '@/app/choose/bestConfiguration';
import { preferences } from '@/app/preferencesStore';
import { foldsOfPreviousStage } from '@/app/segment/cascadeModels';
import { estimateSeconds, passesOf, predictionCost } from '@/app/segment/predictionCost';
import { previousStageIn } from '@/app/segment/predictJob';
import type { CaseRecord } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import { formatCount, formatSeconds } from '../formats';
import { useLibrary, usePreferences, useStudio } from '../useStudio';
import styles from './segment.module.css';

interface RunSettingsProps {
  readonly model: ModelRecord;
  /** The first stage of a cascade. */
  readonly previous: ModelRecord | undefined;
  /** Brings its own folds and models, of which `model` is the first. */
  readonly recipe?: OfferedConfiguration | undefined;
  readonly folds: readonly string[];
  readonly current: CaseRecord;
  readonly cases: readonly CaseRecord[];
}

const PASSES_TITLE = 'How often the network runs: windows × folds × mirrorings, of both stages in a cascade';

/** nnU-Net's settings, each with what it costs. */
export function RunSettings({ model, previous, recipe, folds, current, cases }: RunSettingsProps) {
  const [isOpen, { toggle }] = useDisclosure(false);
  const { tileStepSize, useGaussian, useMirroring, saveProbabilities } = usePreferences((state) => state);
  const available = model.model.folds.map(({ fold }) => fold);
  const settings = { folds, tileStepSize, useMirroring };
  const cost = predictionCost(model.model, current.image, settings);
  const library = useLibrary((state) => state.models);
  const passesOfOne = (one: ModelRecord) => {
    const before = previousStageIn(library, one);
    const first = before && { model: before.model, folds: foldsOfPreviousStage(before.model, folds) };
    return passesOf(one.model, current.image, settings, first);
  };
  const passes = (recipe?.members ?? [model]).reduce((sum, one) => sum + passesOfOne(one), 0);
  const seconds =
    folds.length > 0 && !recipe
      ? estimateSeconds(passes, model.model, model.id, cases, previous?.model)
      : undefined;
  const halfStep = predictionCost(model.model, current.image, { ...settings, tileStepSize: 0.5 }).windows;
  const allMirrorings = 2 ** model.model.mirrorAxes.length;
  const summary = [
    folds.length === 1 ? `fold ${folds[0]}` : `${folds.length} folds`,
    useMirroring && allMirrorings > 1 ? `mirroring ×${allMirrorings}` : 'no mirroring',
    `step ${tileStepSize}`,
  ].join(', ');
  return (
    <Stack gap="xs">
      <UnstyledButton onClick={toggle} aria-expanded={isOpen}>
        <Group gap={4} wrap="nowrap">
          <IconChevronRight
            size={15}
            aria-hidden
            style={{ transform: isOpen ? 'rotate(90deg)' : undefined, flex: 'none' }}
          />
          <Text size="sm">Settings</Text>
          <Text size="xs" c="dimmed" truncate>
            {summary}
          </Text>
        </Group>
      </UnstyledButton>
      <Collapse expanded={isOpen}>
        <Stack gap="sm" py={4}>
          {!recipe && <FoldChoice modelId={model.id} available={available} folds={folds} />}
          <Switch
            label="Mirroring (test-time augmentation)"
            description={
              allMirrorings === 1
                ? 'This model was trained without mirroring'
                : `Averages ${allMirrorings} mirrored runs: ×${allMirrorings} time, a little more accurate`
            }
            checked={useMirroring && allMirrorings > 1}
            disabled={allMirrorings === 1}
            onChange={({ currentTarget }) => preferences.setState({ useMirroring: currentTarget.checked })}
          />
          <div>
            <Text size="sm">Step between windows</Text>
            <Text size="xs" c="dimmed" mb={4}>
              Fraction of the patch; default 0.5. Now {formatCount(cost.windows)} windows
              {cost.windows !== halfStep && `, ${formatCount(halfStep)} at 0.5`}.
            </Text>
            <SegmentedControl
              fullWidth
              size="xs"
              aria-label="Step between windows"
              value={String(tileStepSize)}
              onChange={(value) => preferences.setState({ tileStepSize: Number(value) })}
              data={['0.25', '0.5', '0.75', '1']}
            />
          </div>
          <Switch
            label="Gaussian weighting"
            description="Trusts the middle of each window more; costs nothing"
            checked={useGaussian}
            onChange={({ currentTarget }) => preferences.setState({ useGaussian: currentTarget.checked })}
          />
          <Switch
            label="Also keep probabilities"
            description="As .npz, float32: large, and takes more memory"
            checked={saveProbabilities}
            onChange={({ currentTarget }) =>
              preferences.setState({ saveProbabilities: currentTarget.checked })
            }
          />
        </Stack>
      </Collapse>
      <div className={styles.cost}>
        <Text size="xs" c="dimmed" title={PASSES_TITLE}>
          {formatCount(passes)} forward passes
        </Text>
        <Text size="xs" c="dimmed">
          {seconds !== undefined && `about ${formatSeconds(seconds)} here`}
          {seconds === undefined && !recipe && 'estimate after the first case'}
        </Text>
      </div>
    </Stack>
  );
}

function FoldChoice(props: { modelId: string; available: readonly string[]; folds: readonly string[] }) {
  const { modelId, available, folds } = props;
  const { selection } = useStudio();
  return (
    <div>
      <Text size="sm">Folds</Text>
      <Text size="xs" c="dimmed" mb={4}>
        Averaged; each adds time.{folds.length === 0 && ' Choose at least one.'}
      </Text>
      <Chip.Group
        multiple
        value={[...folds]}
        onChange={(chosen) =>
          selection.setState((state) => ({
            folds: { ...state.folds, [modelId]: available.filter((fold) => chosen.includes(fold)) },
          }))
        }
      >
        <Group gap={6} role="group" aria-label="Folds">
          {available.map((fold) => (
            <Chip key={fold} value={fold} size="xs">
              {fold}
            </Chip>
          ))}
        </Group>
      </Chip.Group>
    </div>
  );
}
