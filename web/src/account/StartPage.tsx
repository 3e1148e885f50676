import { useTexts } from "~/i18n/language";
import icon from "~/icon.svg";
import { useSession } from "~/session";
import { Button } from "~/ui/Button";
import { Notice } from "~/ui/Notice";

import { Invitations } from "./Invitations";
import { NewApplication } from "./NewApplication";

import "~/pages/login/login.css";

/** What a user without any application sees: invitations, or the form of the first application. */
export function StartPage() {
  const { account, login, frame } = useTexts();
  const { me, logOut } = useSession();
  return (
    <main class="login">
      <div class="card stack">
        <div class="row">
          <img src={icon} width={32} height={32} alt="" />
          <h1>{me?.platformAdmin ? account.firstApplication : account.welcome}</h1>
        </div>
        <Invitations />
        {me?.platformAdmin ? (
          <>
            <p>{account.firstApplicationHint}</p>
            <NewApplication />
          </>
        ) : me?.invitations.length ? null : (
          <Notice>{login.noApplication}</Notice>
        )}
        <Button kind="plain" onClick={() => void logOut()}>
          {frame.logOut}
        </Button>
      </div>
    </main>
  );
}
