import { ActionIcon, Menu } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconBox, IconDots, IconFileExport, IconPackageExport, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import type { ModelRecord } from '@/storage/modelLibrary';
import type { ExportFormat } from '@/workers/files/api';
import { removeModel } from '../studioActions';
import { useStudio } from '../useStudio';
import { BundleDialog } from './BundleDialog';
import { exportModel } from './exportModel';

/** What can be done with a model beside using it. */
export function ModelMenu({ record }: { record: ModelRecord }) {
  const studio = useStudio();
  const [isSharing, setIsSharing] = useState(false);
  const isForeign = record.model.foreignNetwork !== undefined;
  const save = (format: ExportFormat) =>
    void exportModel(studio, record, { format, sharing: record.sharing ?? {} }, notifications);
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`More about ${record.name}`}>
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Export</Menu.Label>
          {isForeign ? (
            <Menu.Item leftSection={<IconBox size={16} aria-hidden />} onClick={() => save('files')}>
              The files it came with (.zip)
            </Menu.Item>
          ) : (
            <>
              <Menu.Item
                leftSection={<IconPackageExport size={16} aria-hidden />}
                onClick={() => setIsSharing(true)}
              >
                One file to share (.nnstudio)…
              </Menu.Item>
              <Menu.Item leftSection={<IconBox size={16} aria-hidden />} onClick={() => save('nnunet')}>
                For nnU-Net (.zip)
              </Menu.Item>
              <Menu.Item leftSection={<IconFileExport size={16} aria-hidden />} onClick={() => save('onnx')}>
                ONNX{record.model.folds.length > 1 ? ', folds averaged inside' : ''}
              </Menu.Item>
            </>
          )}
          <Menu.Divider />
          <Menu.Item
            color="var(--studio-bad)"
            leftSection={<IconTrash size={16} aria-hidden />}
            onClick={() => void removeModel(studio, record, notifications)}
          >
            Remove
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {isSharing && <BundleDialog record={record} onClose={() => setIsSharing(false)} />}
    </>
  );
}
