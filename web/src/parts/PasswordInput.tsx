import { Input, ToggleButton, Tooltip } from "@fluentui/react-components";
import { EyeOffRegular, EyeRegular } from "@fluentui/react-icons";
import { type ComponentProps, useState } from "react";

type Props = Omit<ComponentProps<typeof Input>, "onChange" | "type" | "contentAfter"> & { onChange: (value: string) => void };

/** A field for a secret that can be looked at. */
export function PasswordInput({ onChange, disabled, ...rest }: Props) {
  const [shown, setShown] = useState(false);
  const words = shown ? "Hide" : "Show";
  return (
    <Input
      {...rest}
      disabled={disabled}
      type={shown ? "text" : "password"}
      onChange={(_, { value }) => onChange(value)}
      contentAfter={
        <Tooltip content={words} relationship="label">
          <ToggleButton
            type="button"
            size="small"
            appearance="transparent"
            disabled={disabled}
            checked={shown}
            icon={shown ? <EyeOffRegular /> : <EyeRegular />}
            onClick={() => setShown(!shown)}
          />
        </Tooltip>
      }
    />
  );
}
