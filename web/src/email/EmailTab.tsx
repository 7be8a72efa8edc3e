import { Skeleton, SkeletonItem } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { useLocation, useNavigate, useSearchParams } from "react-router";
import { type Account, allAccounts, allCertificates, clouds, serverStatus } from "../api/queries";
import { Failed } from "../parts/Failed";
import { useFrame } from "../parts/styles";
import { AccountList } from "./AccountList";
import { Workbench } from "./Workbench";

const NEW = "new";

/** *Email Settings*: the accounts, and everything about the chosen one. Which one stands in the address. */
export function EmailTab() {
  const frame = useFrame();
  const navigate = useNavigate();
  const location = useLocation();
  const [search] = useSearchParams();
  const accounts = useQuery(allAccounts);
  const certificates = useQuery(allCertificates);
  const cloudList = useQuery(clouds);
  const status = useQuery(serverStatus);
  const parts = [accounts, certificates, cloudList, status];

  const failed = parts.find(({ error, data }) => error && !data);
  if (failed) return <Failed error={failed.error} retry={() => parts.forEach(({ refetch }) => void refetch())} />;
  if (!accounts.data || !certificates.data || !cloudList.data || !status.data)
    return (
      <Skeleton aria-label="Loading the settings">
        <SkeletonItem size={128} />
      </Skeleton>
    );

  const asked = search.get("account");
  const account = asked === NEW ? undefined : (accounts.data.find(({ id }) => id === asked) ?? accounts.data.find((one) => one.default) ?? accounts.data[0]);
  // A new account keeps its workbench, with what goes on there, when it is saved and gets its id.
  const kept = (location.state as { keep?: string } | null)?.keep;
  const key = kept ?? asked ?? "first";
  const created = (saved: Account) => void navigate({ search: `?account=${saved.id}` }, { replace: true, state: { keep: key } });
  return (
    <div className={frame.page}>
      {accounts.data.length > 0 && <AccountList accounts={accounts.data} current={account} />}
      <Workbench
        key={key}
        account={account}
        first={accounts.data.length === 0}
        certificates={certificates.data}
        clouds={cloudList.data}
        redirectUris={status.data.redirect_uris}
        onCreated={created}
      />
    </div>
  );
}
