import { ChartColumn, Download, Table2 } from "lucide-preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { useLanguage } from "~/i18n/language";
import { useTheme } from "~/theme";
import { Button } from "~/ui/Button";
import { saveFile } from "~/ui/downloads";
import { Menu } from "~/ui/Menu";

import { echarts } from "./echarts";
import { plotOptions } from "./options";
import { PlotTable } from "./PlotTable";
import { type PlotSpec, plotValues } from "./spec";
import { readTheme } from "./theme";

import "./plots.css";

const PRINTED_WIDTH = 640; // pixels of a card on A4, within its borders

interface Props {
  spec: PlotSpec;
  height?: number;
  /** A sentence that says what is to be seen; made from the values when it is absent. */
  summary?: string;
  /** Called with the position of a bucket, or of a column and row, that is clicked. */
  onSelect?: (column: number, row: number) => void;
}

/** Plot with its twin as a table, a sentence that sums it up, and downloads as an image. */
export function Plot({ spec, height = 320, summary, onSelect }: Props) {
  const { texts, formats } = useLanguage();
  const { isDark } = useTheme();
  const [isTable, setTable] = useState(false);
  const values = useMemo(() => plotValues(spec), [spec]);
  const sentence =
    summary ??
    (values.length
      ? texts.plots.summary(
          spec.title,
          values.length,
          formats.short(Math.min(...values), spec.unit, spec.currency),
          formats.short(Math.max(...values), spec.unit, spec.currency),
        )
      : texts.plots.noValues);

  function draw(renderer: "svg" | "canvas"): void {
    const holder = document.createElement("div");
    const [width, high] = [1200, Math.max(height, 480)];
    const chart = echarts.init(holder, null, { renderer, width, height: high, devicePixelRatio: 2 });
    chart.setOption(plotOptions(spec, { formats, texts: texts.plots, theme: readTheme(), width }));
    const background = readTheme().surface;
    const url = chart.getDataURL({
      type: renderer === "svg" ? "svg" : "png",
      pixelRatio: 2,
      backgroundColor: background,
    });
    saveFile(url, `${spec.title}.${renderer === "svg" ? "svg" : "png"}`);
    chart.dispose();
  }

  return (
    <figure class="plot">
      <div class="plot-tools no-print">
        <Button
          kind="plain"
          aria-pressed={isTable}
          icon={isTable ? <ChartColumn size={16} aria-hidden="true" /> : <Table2 size={16} aria-hidden="true" />}
          onClick={() => {
            setTable(!isTable);
          }}
        >
          {isTable ? texts.plots.asPlot : texts.plots.asTable}
        </Button>
        <Menu
          label={texts.common.download}
          icon={<Download size={16} aria-hidden="true" />}
          items={[
            {
              label: texts.plots.png,
              onSelect: () => {
                draw("canvas");
              },
            },
            {
              label: texts.plots.svg,
              onSelect: () => {
                draw("svg");
              },
            },
          ]}
        />
      </div>
      {isTable ? (
        <PlotTable spec={spec} />
      ) : values.length ? (
        <Canvas spec={spec} height={height} isDark={isDark} label={sentence} onSelect={onSelect} />
      ) : (
        <div class="plot-empty muted" style={{ height: `${height}px` }}>
          {texts.plots.noValues}
        </div>
      )}
      <figcaption class="visually-hidden" aria-live="polite">
        {sentence}
      </figcaption>
    </figure>
  );
}

function Canvas({
  spec,
  height,
  isDark,
  label,
  onSelect,
}: {
  spec: PlotSpec;
  height: number;
  isDark: boolean;
  label: string;
  onSelect: Props["onSelect"];
}) {
  const { texts, formats } = useLanguage();
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<ReturnType<typeof echarts.init>>();
  const [width, setWidth] = useState(0); // labels and legends depend on it
  const select = useRef(onSelect);
  select.current = onSelect;

  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const made = echarts.init(element, null, { renderer: "canvas" });
    chart.current = made;
    setWidth(element.clientWidth);
    made.on("click", (event) => {
      const [column, row] = Array.isArray(event.value) ? (event.value as [number, number]) : [event.dataIndex, 0];
      select.current?.(column, row);
    });
    const observer = new ResizeObserver(() => {
      made.resize();
      setWidth(element.clientWidth);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.dispose();
      chart.current = undefined;
    };
  }, []);

  useEffect(() => {
    if (!width) return;
    chart.current?.setOption(plotOptions(spec, { formats, texts: texts.plots, theme: readTheme(), width }), {
      notMerge: true,
    });
  }, [spec, formats, texts, isDark, width]);

  useEffect(() => {
    let paper: HTMLCanvasElement | undefined;
    const removePaper = () => {
      paper?.remove();
    };
    const addPaper = () => {
      removePaper();
      const size = { width: PRINTED_WIDTH, height, devicePixelRatio: 1 };
      const drawn = echarts.init(document.createElement("div"), null, { renderer: "canvas", ...size });
      drawn.setOption(plotOptions(spec, { formats, texts: texts.plots, theme: readTheme(), width: PRINTED_WIDTH }));
      paper = drawn.renderToCanvas({ pixelRatio: 3 }); // one canvas: of several layers, only the last is printed
      paper.classList.add("plot-paper");
      holder.current?.append(paper);
      drawn.dispose();
    };
    addEventListener("beforeprint", addPaper);
    addEventListener("afterprint", removePaper);
    return () => {
      removePaper();
      removeEventListener("beforeprint", addPaper);
      removeEventListener("afterprint", removePaper);
    };
  }, [spec, formats, texts, height]);

  return <div ref={holder} class="plot-canvas" style={{ height: `${height}px` }} role="img" aria-label={label} />;
}
