import { Component, type ReactNode } from "react";
import { Failed } from "../parts/Failed";

/** Catches what nobody expected, so that a page says so instead of going blank. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return <Failed error={this.state.error} retry={() => window.location.reload()} />;
  }
}
