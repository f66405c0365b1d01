import { Text } from '@mantine/core';
import { IconTags } from '@tabler/icons-react';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { GivenFile } from '@/workers/files/api';
import { FilePicker, FolderPicker } from '../files/FilePickers';
import { formatCount, plural } from '../formats';
import styles from './data.module.css';

interface UnlabelledNoteProps {
  readonly dataset: DatasetRecord;
  /** A case without a label map. */
  readonly example: string;
  readonly onFiles: (files: readonly GivenFile[]) => Promise<void>;
}

/** How many cases have no label map, and where theirs go. Nothing for a dataset that has all of them. */
export function UnlabelledNote({ dataset, example, onFiles }: UnlabelledNoteProps) {
  const { unlabelled = 0, caseCount, fileEnding } = dataset;
  if (unlabelled === 0) return null;
  return (
    <section className={styles.unlabelled} aria-label="Cases without a label map">
      <div className={styles.findingsHead}>
        <IconTags size={18} aria-hidden />
        <b>
          {unlabelled === caseCount
            ? `No case has a label map yet (${plural(caseCount, 'case')})`
            : `${formatCount(unlabelled)} of ${plural(caseCount, 'case')} without a label map`}
        </b>
        <div className={styles.unlabelledButtons}>
          <FolderPicker onFiles={onFiles} size="compact-xs">
            Add label maps from a folder
          </FolderPicker>
          <FilePicker onFiles={onFiles} size="compact-xs">
            Add files or a zip
          </FilePicker>
        </div>
      </div>
      <Text size="xs" c="dimmed">
        nnU-Net plans and trains once every case has one. Drop label maps on this page: each joins the case of
        its name, <code>{example + fileEnding}</code> or <code>{`${example}_seg${fileEnding}`}</code> for{' '}
        {example}.
      </Text>
    </section>
  );
}
