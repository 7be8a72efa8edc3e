import { Body1, Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Field, Input, makeStyles, useRestoreFocusTarget } from "@fluentui/react-components";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { renderSVG } from "uqr";
import { Problem } from "../api/problem";
import { changePassword, confirmTotp, startTotp, stopTotp } from "../api/session";
import { useTell } from "../app/toasts";
import { Copyable, CopyButton } from "../parts/Copy";
import { FormDialog } from "../parts/FormDialog";
import { Section } from "../parts/Page";
import { PasswordInput } from "../parts/PasswordInput";
import { useFrame } from "../parts/styles";
import { useSession } from "../session/session";

type Open = "password" | "start" | "stop" | null;

/** One's own password and second factor. */
export function OwnSection() {
  const frame = useFrame();
  const tell = useTell();
  const queries = useQueryClient();
  const restore = useRestoreFocusTarget();
  const { session } = useSession();
  const [open, setOpen] = useState<Open>(null);
  const [offer, setOffer] = useState<{ secret: string; otpauth_url: string } | null>(null);
  const [recoveryCodes, setRecoveryCodes] = useState<string[] | null>(null);
  const close = () => setOpen(null);
  const refresh = () => void queries.invalidateQueries({ queryKey: ["session"] });
  return (
    <Section title="Your sign-in">
      <Body1>
        You are <strong>{session.user}</strong>, {session.role}. {session.totp ? "Signing in takes a code of your authenticator app as well." : "A second factor makes signing in safer."}
      </Body1>
      <div className={frame.row}>
        <Button {...restore} onClick={() => setOpen("password")}>
          Change password
        </Button>
        {session.totp ? (
          <Button {...restore} onClick={() => setOpen("stop")}>
            Remove second factor
          </Button>
        ) : (
          <Button {...restore} onClick={() => setOpen("start")}>
            Add second factor
          </Button>
        )}
      </div>
      {open === "password" && (
        <PasswordDialog
          onClose={close}
          onDone={() => {
            close();
            tell("The password was changed");
          }}
        />
      )}
      {open === "start" && (
        <ProofDialog
          title="Add Second Factor"
          action="Continue"
          request={startTotp}
          onClose={close}
          onDone={(made) => {
            close();
            setOffer(made);
          }}
        />
      )}
      {open === "stop" && (
        <ProofDialog
          title="Remove Second Factor"
          action="Remove"
          request={stopTotp}
          onClose={close}
          onDone={() => {
            close();
            refresh();
            tell("The second factor was removed");
          }}
        />
      )}
      {offer && (
        <ConfirmDialog
          offer={offer}
          onClose={() => setOffer(null)}
          onDone={(codes) => {
            setOffer(null);
            setRecoveryCodes(codes);
            refresh();
          }}
        />
      )}
      {recoveryCodes && <RecoveryDialog codes={recoveryCodes} onClose={() => setRecoveryCodes(null)} />}
    </Section>
  );
}

function PasswordDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [next, setNext] = useState("");
  const [repeated, setRepeated] = useState("");
  const [tried, setTried] = useState(false);
  const attempt = useMutation({ mutationFn: () => changePassword({ password, new_password: next }), onSuccess: onDone });
  const problem = attempt.error instanceof Problem ? attempt.error : undefined;
  const wrongOld = problem?.code === "wrong_password";
  const wrongNew = problem?.field === "new_password" || problem?.field === "password";
  const save = () => {
    setTried(true);
    if (password && next && next === repeated) attempt.mutate();
  };
  return (
    <FormDialog
      title="Change Password"
      action="Save"
      busy={attempt.isPending}
      error={wrongOld || wrongNew ? null : attempt.error}
      onSubmit={save}
      onClose={onClose}
    >
      <Field label="Present password" validationMessage={tried && !password ? "Type the password that you have now." : wrongOld ? problem.atField : undefined}>
        <PasswordInput value={password} autoFocus autoComplete="current-password" onChange={setPassword} />
      </Field>
      <Field label="New password" hint="12 characters or more; a sentence is fine" validationMessage={tried && !next ? "Type the password that you want." : wrongNew && !wrongOld ? problem.atField : undefined}>
        <PasswordInput value={next} autoComplete="new-password" onChange={setNext} />
      </Field>
      <Field label="Repeat password" validationMessage={(tried || repeated) && repeated !== next ? "The two passwords differ." : undefined}>
        <PasswordInput value={repeated} autoComplete="new-password" onChange={setRepeated} />
      </Field>
    </FormDialog>
  );
}

interface ProofProps<T> {
  title: string;
  action: string;
  request: (password: string) => Promise<T>;
  onDone: (answer: T) => void;
  onClose: () => void;
}

/** Asks for the password before something that it protects. */
function ProofDialog<T>({ title, action, request, onDone, onClose }: ProofProps<T>) {
  const [password, setPassword] = useState("");
  const [tried, setTried] = useState(false);
  const attempt = useMutation({ mutationFn: () => request(password), onSuccess: onDone });
  const wrong = attempt.error instanceof Problem && attempt.error.code === "wrong_password" ? attempt.error : undefined;
  const go = () => {
    setTried(true);
    if (password) attempt.mutate();
  };
  return (
    <FormDialog title={title} action={action} busy={attempt.isPending} error={wrong ? null : attempt.error} onSubmit={go} onClose={onClose}>
      <Field label="Password" hint="The one that you sign in with" validationMessage={tried && !password ? "Type your password." : wrong?.atField}>
        <PasswordInput value={password} autoFocus autoComplete="current-password" onChange={setPassword} />
      </Field>
    </FormDialog>
  );
}

const useStyles = makeStyles({
  // A QR code is read by its contrast: dark on white in both themes.
  qr: { width: "200px", height: "200px", backgroundColor: "#fff", padding: "8px", borderRadius: "4px" },
  codes: { columns: 2, margin: 0, paddingLeft: "20px" },
});

function ConfirmDialog({ offer, onDone, onClose }: { offer: { secret: string; otpauth_url: string }; onDone: (codes: string[]) => void; onClose: () => void }) {
  const styles = useStyles();
  const [code, setCode] = useState("");
  const [tried, setTried] = useState(false);
  const attempt = useMutation({ mutationFn: () => confirmTotp(code.trim()), onSuccess: ({ recovery_codes: codes }) => onDone(codes) });
  const wrong = attempt.error instanceof Problem ? attempt.error : undefined;
  const confirm = () => {
    setTried(true);
    if (code.trim()) attempt.mutate();
  };
  const picture = `data:image/svg+xml,${encodeURIComponent(renderSVG(offer.otpauth_url, { border: 0 }))}`;
  return (
    <FormDialog title="Add Second Factor" action="Confirm" busy={attempt.isPending} error={wrong ? null : attempt.error} onSubmit={confirm} onClose={onClose}>
      <Body1>Scan this with your authenticator app, or type the secret into it; then type the code that it shows.</Body1>
      <img className={styles.qr} src={picture} alt="QR code for the authenticator app" />
      <Copyable value={offer.secret} what="secret" />
      <Field label="Code" validationMessage={tried && !code.trim() ? "Type the six digits that the app shows." : wrong?.atField}>
        <Input value={code} autoFocus autoComplete="one-time-code" onChange={(_, { value }) => setCode(value)} />
      </Field>
    </FormDialog>
  );
}

function RecoveryDialog({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const styles = useStyles();
  const frame = useFrame();
  return (
    <Dialog open modalType="alert">
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Recovery Codes</DialogTitle>
          <DialogContent className={frame.form}>
            <Body1>Each of these signs you in once when the app is lost. Keep them where the app isn't: they are shown only now.</Body1>
            <ol className={styles.codes}>
              {codes.map((code) => (
                <li key={code} className={frame.mono}>
                  {code}
                </li>
              ))}
            </ol>
            <span>
              Copy all <CopyButton value={codes.join("\n")} what="all recovery codes" />
            </span>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              I have kept them
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
