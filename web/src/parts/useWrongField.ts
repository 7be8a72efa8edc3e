import { useEffect, useRef } from "react";

/** After each try that did not work, brings the keyboard to the first field that is to blame, unless someone types. */
export function useWrongField(tries: number, busy: boolean) {
  const form = useRef<HTMLFormElement>(null);
  const answered = useRef(0);
  useEffect(() => {
    if (tries === answered.current || busy) return;
    const wrong = form.current?.querySelector<HTMLElement>("[aria-invalid=true]");
    // What a server refuses is known only in a while.
    if (!wrong && tries > 0) return;
    answered.current = tries;
    // A file is chosen by the button beside its field.
    const place = wrong?.matches("[type=file]") ? wrong.nextElementSibling : wrong;
    if (place instanceof HTMLElement) place.focus();
  });
  return {
    ref: form,
    onInput: () => {
      answered.current = tries;
    },
  };
}
