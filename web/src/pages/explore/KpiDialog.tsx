import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { type Kpi, type Module, MODULES } from "~/api/questions";
import { useTexts } from "~/i18n/language";
import { Dialog } from "~/ui/Dialog";
import { TextField } from "~/ui/Field";
import { Segmented } from "~/ui/Segmented";

import { TOPICS, topicOf } from "./catalogue";
import { findKpis, kpiName, unitName } from "./labels";

/** Choice of a KPI: those of a module in groups, or all that a text finds. */
export function KpiDialog({
  kpis,
  chosen,
  onChoose,
  onClose,
}: {
  kpis: readonly Kpi[];
  chosen: Kpi;
  onChoose: (kpi: Kpi) => void;
  onClose: () => void;
}) {
  const { explore: texts } = useTexts();
  const [module, setModule] = useState<Module>(chosen.module);
  const [text, setText] = useState("");
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.closest("form")?.querySelector("input")?.focus();
    list.current?.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "center" });
  }, []);

  const groups = useMemo(() => {
    const found = findKpis(kpis, text, texts);
    const isSearch = text.trim() !== "";
    const modules = isSearch ? MODULES : [module];
    return modules.flatMap((name) =>
      TOPICS.map((topic) => ({
        key: `${name} ${topic}`,
        title: isSearch ? `${texts.modules[name]} – ${texts.topics[topic]}` : texts.topics[topic],
        kpis: found.filter((kpi) => kpi.module === name && topicOf(kpi) === topic),
      })).filter((group) => group.kpis.length),
    );
  }, [kpis, module, text, texts]);

  function moveFocus(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const buttons = [...(list.current?.querySelectorAll<HTMLElement>("button") ?? [])];
    if (!buttons.length) return;
    event.preventDefault();
    const position = buttons.indexOf(document.activeElement as HTMLElement);
    const next = position < 0 ? 0 : position + (event.key === "ArrowDown" ? 1 : -1);
    buttons[Math.min(buttons.length - 1, Math.max(0, next))]?.focus();
  }

  return (
    <Dialog title={texts.chooseKpi} onClose={onClose}>
      <form
        class="stack kpi-dialog"
        onKeyDown={moveFocus}
        onSubmit={(event) => {
          event.preventDefault();
          const first = groups[0]?.kpis[0];
          if (first) onChoose(first);
        }}
      >
        <TextField label={texts.searchKpi} type="search" value={text} onInput={setText} autocomplete="off" />
        {text ? null : (
          <Segmented
            label={texts.module}
            value={module}
            options={MODULES.map((value) => ({ value, label: texts.modules[value] }))}
            onChange={setModule}
          />
        )}
        <div class="kpi-list" ref={list}>
          {groups.map((group) => (
            <section key={group.key} aria-label={group.title}>
              <h3>{group.title}</h3>
              {group.kpis.map((kpi) => (
                <button
                  key={kpi.kpi}
                  type="button"
                  class="kpi-choice"
                  aria-pressed={kpi === chosen}
                  onClick={() => {
                    onChoose(kpi);
                  }}
                >
                  <span class="kpi-choice-name">
                    {kpiName(kpi, texts)} <span class="muted">{unitName(kpi.unit, texts)}</span>
                  </span>
                  <span class="kpi-choice-text">{kpi.meaning}</span>
                  <span class="kpi-choice-text muted">{kpi.description}</span>
                </button>
              ))}
            </section>
          ))}
          {groups.length ? null : <p class="muted">{texts.noKpi}</p>}
        </div>
      </form>
    </Dialog>
  );
}
