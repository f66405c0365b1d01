import { Button, Progress, Select, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { writeZip } from '@/core/io/zipStream';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { ErrorNote } from '../components/ErrorNote';
import { saveFile } from '../files/saveFile';
import { plural } from '../formats';
import { addressOf } from '../route';
import styles from './overview.module.css';
import { type Overview, useOverview } from './useOverview';

/** A picture of every case, labels over the image: the slice with most of its labels, as nnU-Net's overview draws it. */
export function OverviewTab({ dataset }: { dataset: DatasetRecord }) {
  const { name, channelNames, caseCount } = dataset;
  const [channel, setChannel] = useState(0);
  const { overview, cancel, drawAgain } = useOverview(name, channel);
  const { status, pictures, failures, problem } = overview;
  return (
    <section aria-label="Overview">
      <div className={styles.tools}>
        <Text size="sm" className={styles.hint}>
          The slice with most of each case's labels, as nnU-Net's <code>plot_overlay_pngs</code> draws it:
          voxel size is disregarded, and colours follow the order of the labels in the slice.
        </Text>
        {channelNames.length > 1 && (
          <Select
            size="xs"
            w={150}
            aria-label="Channel"
            allowDeselect={false}
            value={`${channel}`}
            onChange={(value) => setChannel(Number(value))}
            data={channelNames.map((label, value) => ({ value: `${value}`, label }))}
          />
        )}
        {status === 'drawing' ? (
          <Button size="xs" variant="default" onClick={cancel}>
            Cancel
          </Button>
        ) : (
          status !== 'done' && (
            <Button size="xs" variant="default" onClick={drawAgain}>
              Draw again
            </Button>
          )
        )}
        <Button
          size="xs"
          variant="default"
          leftSection={<IconDownload size={14} aria-hidden />}
          disabled={status === 'drawing' || pictures.length === 0}
          onClick={() => save(name, overview)}
        >
          Save as zip
        </Button>
      </div>
      <Text size="xs" c="dimmed" role="status">
        {statusText(overview, caseCount)}
      </Text>
      {status === 'drawing' && (
        <Progress size="sm" mt={4} value={(100 * pictures.length) / caseCount} aria-label="Cases drawn" />
      )}
      {problem !== undefined && (
        <ErrorNote title="The overview could not be drawn" where={name} name="Overview" message={problem} />
      )}
      {failures.map(({ caseId, message }) => (
        <ErrorNote key={caseId} title="Not drawn" where={caseId} name="Overview" message={message} />
      ))}
      <ul className={styles.grid} aria-label="Cases">
        {pictures.map(({ caseId, url }) => (
          <li key={caseId}>
            <a href={addressOf('data', name, caseId)} title={`Open ${caseId}`}>
              <img src={url} alt="" loading="lazy" />
              <span>{caseId}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function statusText({ status, pictures }: Overview, caseCount: number): string {
  const drawn = `${pictures.length} of ${plural(caseCount, 'case')} drawn`;
  return status === 'cancelled' ? `Cancelled: ${drawn}` : drawn;
}

function save(name: string, { pictures }: Overview): void {
  const zip = writeZip(pictures.map(({ caseId, png }) => ({ path: `${caseId}.png`, content: png })));
  saveFile({ name: `${name}_overview.zip`, content: new Blob([zip as BlobPart]) });
}
