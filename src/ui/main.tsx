import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './studio.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { openStudio } from '@/app/studio';
import { App } from './App';
import { theme } from './theme';
import { StudioContext } from './useStudio';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Notifications position="top-center" limit={3} />
      <StudioContext value={openStudio()}>
        <App />
      </StudioContext>
    </MantineProvider>
  </StrictMode>,
);
