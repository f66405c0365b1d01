import { TextInput, type TextInputProps } from '@mantine/core';
import { useState } from 'react';

interface TupleInputProps extends Omit<TextInputProps, 'value' | 'onChange'> {
  readonly value: readonly number[];
  readonly onChange: (value: readonly number[]) => void;
}

/** Sizes of all axes in one field: `128 128 96`, `128×128×96` or `128, 128, 96`. */
export function TupleInput({ value, onChange, ...input }: TupleInputProps) {
  const [text, setText] = useState(formatTuple(value));
  const isCurrent = JSON.stringify(parseTuple(text, value.length)) === JSON.stringify(value);
  return (
    <TextInput
      inputMode="decimal"
      autoComplete="off"
      {...input}
      value={isCurrent || hasBadNumber(value) ? text : formatTuple(value)}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value);
        onChange(parseTuple(currentTarget.value, value.length));
      }}
    />
  );
}

/** Missing or unreadable numbers become `NaN`, one too many a `NaN` in the last place: both are refused. */
export function parseTuple(text: string, length: number): readonly number[] {
  const parts = text
    .trim()
    .split(/\s*[×x,;]\s*|\s+/)
    .filter((part) => part !== '');
  const values = Array.from({ length }, (_, i) => (parts[i] === undefined ? Number.NaN : Number(parts[i])));
  return parts.length > length ? [...values.slice(0, -1), Number.NaN] : values;
}

function hasBadNumber(value: readonly number[]): boolean {
  return value.some((one) => Number.isNaN(one));
}

function formatTuple(value: readonly number[]): string {
  return value.map((one) => (Number.isNaN(one) ? '' : String(one))).join(' × ');
}
