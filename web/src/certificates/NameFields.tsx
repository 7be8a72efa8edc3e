import { Field, Input, Textarea } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { allCertificates } from "../api/queries";

interface Props {
  name: string;
  onName: (name: string) => void;
  /** What is wrong with the name, from the server or because it is missing. */
  nameError: string | undefined;
}

/** *Name*, with what the others are called in view. */
export function NameField({ name, onName, nameError, except }: Props & { except?: string }) {
  const { data } = useQuery(allCertificates);
  const taken = data?.some((other) => other.id !== except && other.name.toLowerCase() === name.trim().toLowerCase());
  return (
    <Field label="Name" validationMessage={nameError ?? (taken ? `There already is a certificate named ${name.trim()}. Choose another name.` : undefined)}>
      <Input value={name} maxLength={100} autoComplete="off" autoFocus onChange={(_, { value }) => onName(value)} />
    </Field>
  );
}

export function DescriptionField({ description, onDescription, error }: { description: string; onDescription: (text: string) => void; error?: string | undefined }) {
  return (
    <Field label="Description" hint="Optional" validationMessage={error}>
      <Textarea value={description} maxLength={1000} resize="vertical" onChange={(_, { value }) => onDescription(value)} />
    </Field>
  );
}
