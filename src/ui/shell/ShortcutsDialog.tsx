import { Kbd, Modal, Table, Text } from '@mantine/core';
import { formatLabels } from '@/core/io/formats';

const SHORTCUTS: readonly (readonly [keys: readonly string[], meaning: string])[] = [
  [['↑', '↓'], 'one slice back or on, in the plane last clicked'],
  [['PgUp', 'PgDn'], 'ten slices'],
  [['wheel'], 'slices of the plane under the pointer'],
  [['space'], 'play the slices, stop'],
  [['o'], 'show or hide the segmentation'],
  [['1', '…', '9'], 'go to a label'],
  [['r'], 'prediction or reference, in a validated case'],
  [['d', 'p', 'r'], 'disagreement, prediction or reference, in an evaluated case'],
  [['right drag'], 'brightness and contrast'],
  [['?'], 'this list'],
];

/** Keys, and where to begin. */
export function ShortcutsDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Help" size="md">
      <Text size="sm" mb="md">
        Drop anything anywhere on this page; nnStudio recognises what it is. An image (
        {formatLabels().join(', ')}) is opened, a trained nnU-Net model (its results folder or a zip of it)
        goes into your library, a labelled dataset is checked and prepared for training under Data. Compare
        predictions with reference labels under Models, Evaluate. Everything is computed on this computer:
        nothing is uploaded.
      </Text>
      <Table withRowBorders={false} verticalSpacing={6}>
        <Table.Tbody>
          {SHORTCUTS.map(([keys, meaning]) => (
            <Table.Tr key={meaning}>
              <Table.Td style={{ whiteSpace: 'nowrap' }}>
                {keys.map((key) =>
                  key === '…' ? (
                    ' … '
                  ) : (
                    <Kbd key={key} mr={4}>
                      {key}
                    </Kbd>
                  ),
                )}
              </Table.Td>
              <Table.Td>{meaning}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
