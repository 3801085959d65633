/** What a row says. Free of VS Code, so that the wording is tested as plain text. */
export interface RowText {
  readonly label: string;
  /** Short: it must fit beside the label in a sidebar of 300 px. */
  readonly description: string;
  /** Whole sentences; also what a screen reader says after the label. */
  readonly tooltip: string;
}
