/** A label that can be seen in the viewer. */
export interface ViewedLabel {
  readonly value: number;
  readonly name: string;
  /** `#rrggbb`, where it is not the one a person may choose for the label. */
  readonly color?: string;
}
