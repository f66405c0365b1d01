import { useId } from 'react';
import type { NetworkChannels } from '@/app/plan/plansCost';
import type { Configuration } from '@/core/planning/plans';
import { xyzConfiguration } from '@/core/planning/xyzConfiguration';
import { formatShape } from '@/shared/geometry';
import { formatKernel } from '../components/planFormats';
import { plural } from '../formats';
import styles from './network.module.css';
import { BOX, type NetworkBox, type NetworkStep, networkLayout, stageShapes } from './networkLayout';
import { Term } from './Term';

interface NetworkDrawingProps {
  readonly configuration: Configuration;
  /** Of its plans. */
  readonly transposeBackward: readonly number[];
  readonly channels: NetworkChannels;
}

/** The U of a configuration, drawn, and the same as a table; sizes are x × y × z. */
export function NetworkDrawing({ configuration: inFile, transposeBackward, channels }: NetworkDrawingProps) {
  const configuration = xyzConfiguration(inFile, transposeBackward);
  const { architecture, patchSize } = configuration;
  const layout = networkLayout(architecture, patchSize);
  const id = useId();
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className={styles.scroll} tabIndex={0} aria-label={`Drawing of ${configuration.name}`}>
        <svg
          className={styles.network}
          viewBox={`0 0 ${layout.width} ${layout.height}`}
          role="img"
          aria-labelledby={`${id}-title ${id}-description`}
        >
          <title id={`${id}-title`}>
            {`${architecture.networkClass} with ${plural(architecture.nStages, 'stage')}`}
          </title>
          <desc id={`${id}-description`}>{description(configuration)}</desc>
          <defs>
            <marker
              id={`${id}-tip`}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto"
            >
              <path d="M0 0.8 L7 4 L0 7.2 Z" className={styles.tip} />
            </marker>
          </defs>
          <text x={layout.boxes[0].x} y={20} className={styles.end}>
            {`patch, ${plural(channels.input, 'channel')}`}
          </text>
          <text x={layout.width - layout.boxes[0].x} y={20} textAnchor="end" className={styles.end}>
            {channels.areAssumed ? 'segmentation' : `segmentation, ${plural(channels.output, 'channel')}`}
          </text>
          {layout.skips.map(({ y, fromX, toX }) => (
            <line
              key={y}
              x1={fromX}
              x2={toX}
              y1={y}
              y2={y}
              className={styles.skip}
              markerEnd={`url(#${id}-tip)`}
            />
          ))}
          {layout.steps.map((step) => (
            <StepArrow key={`${step.direction} ${step.fromY}`} step={step} markerId={`${id}-tip`} />
          ))}
          {layout.boxes.map((box) => (
            <StageBox key={`${box.side} ${box.stage}`} box={box} />
          ))}
        </svg>
      </section>
      <details className={styles.details}>
        <summary>The stages as a table</summary>
        <StageTable configuration={configuration} />
      </details>
    </>
  );
}

function StageBox({ box }: { box: NetworkBox }) {
  return (
    <g transform={`translate(${box.x} ${box.y})`} className={styles[box.side]}>
      <rect width={BOX.width} height={BOX.height} rx={7} />
      <text x={12} y={18} className={styles.shape}>
        <tspan className={styles.features}>{box.features}</tspan>
        {` × ${box.shape.join(' × ')}`}
      </text>
      <text x={12} y={35} className={styles.work}>
        {box.work}
      </text>
      <text x={BOX.width - 10} y={18} textAnchor="end" className={styles.work}>
        {box.stage + 1}
      </text>
    </g>
  );
}

function StepArrow({ step, markerId }: { step: NetworkStep; markerId: string }) {
  const { x, direction, stride } = step;
  const [from, to] = direction === 'down' ? [step.fromY, step.toY - 2] : [step.toY, step.fromY + 2];
  const isDown = direction === 'down';
  return (
    <>
      <line x1={x} x2={x} y1={from} y2={to} className={styles.step} markerEnd={`url(#${markerId})`} />
      <text
        x={isDown ? x + 8 : x - 8}
        y={(step.fromY + step.toY) / 2 + 4}
        textAnchor={isDown ? 'start' : 'end'}
        className={styles.stride}
      >
        {isDown ? `stride ${formatKernel(stride)}` : `up ${formatKernel(stride)}`}
      </text>
    </>
  );
}

function StageTable({ configuration }: { configuration: Configuration }) {
  const { architecture, patchSize } = configuration;
  const shapes = stageShapes(architecture, patchSize);
  const isPlain = architecture.networkClass === 'PlainConvUNet';
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">Stage</th>
          <th scope="col">
            <Term term="features">Features</Term>
          </th>
          <th scope="col">Feature map</th>
          <th scope="col">
            <Term term="stride">Stride</Term>
          </th>
          <th scope="col">
            <Term term="kernel">Kernel</Term>
          </th>
          <th scope="col">
            <Term term="convs">{isPlain ? 'Convolutions' : 'Residual blocks'}</Term>
          </th>
          <th scope="col">
            <Term term="decoderConvs">Decoder convolutions</Term>
          </th>
        </tr>
      </thead>
      <tbody>
        {shapes.map((shape, stage) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a stage is its place
          <tr key={stage}>
            <th scope="row">{stage + 1}</th>
            <td>{architecture.featuresPerStage[stage]}</td>
            <td>{formatShape(shape)}</td>
            <td>{formatShape(architecture.strides[stage])}</td>
            <td>{formatShape(architecture.kernelSizes[stage])}</td>
            <td>{architecture.nConvPerStage[stage]}</td>
            <td>{architecture.nConvPerStageDecoder[architecture.nStages - 2 - stage] ?? '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function description({ architecture, patchSize }: Configuration): string {
  const shapes = stageShapes(architecture, patchSize);
  const stages = shapes.map(
    (shape, stage) =>
      `Stage ${stage + 1}: ${architecture.featuresPerStage[stage]} features of ${formatShape(shape)}, kernel ${formatShape(architecture.kernelSizes[stage])}, stride ${formatShape(architecture.strides[stage])}.`,
  );
  return `Encoder down on the left, decoder up on the right, with a skip connection at every stage but the last. ${stages.join(' ')}`;
}
