-- SPDX-License-Identifier: GPL-3.0-or-later
-- A page of the documents (Markdown as GitHub has it) as a page of the report, for pandoc: links between documents lead to
-- their pages, anchors stand before their headings, figures are part of the page, wide tables and formulas scroll.

local source = PANDOC_STATE.input_files[1]
local path = source:match("^(.*/)") or ""  -- of its directory
local root = path:gsub("[^/]+/", "../")    -- from there to the root of the pages

local function of_page(target)  -- the page of a document, or nil
  return target:match("^[%w_./-]+%.md$") and target:gsub("%.md$", ".html")
end

local function is_there(target)  -- a file of the repository, as a link says it
  local file = io.open(path .. target, "r")
  if file then file:close() end
  return file ~= nil
end

function Link(link)
  if link.target:match("^%a+:") or link.target:match("^#") then return nil end
  local target, anchor = link.target:match("^([^#]*)(.*)$")
  local page = of_page(target)
  if page then
    link.target = page .. anchor
    return link
  end
  assert(is_there(target), "no such file: " .. link.target)
  return link.content  -- a file that is no page: its name must do
end

-- A public header has a page of the API.
function Code(code)
  local name = code.text:gsub("^src/mpi/communicator.h$", "src/efla/mpi.h"):match("^src/efla/(%w+)%.h$")
  if name then return pandoc.Link(code, root .. "api/" .. name .. "_8h.html") end
end

function Image(image)
  local file = assert(io.open(path .. image.src, "r"), "no such file: " .. image.src)
  local name = image.src:match("([^/]*)%.svg$")
  local text = file:read("a"):match("<svg.*")
  file:close()
  -- ids of all figures are alike
  text = text:gsub(" id=(['\"])", " id=%1" .. name .. "-"):gsub("href=(['\"])#", "href=%1#" .. name .. "-")
  text = text:gsub("url%(#", "url(#" .. name .. "-"):gsub("<title>Gnuplot</title>", "")
  local said = pandoc.utils.stringify(image.caption):gsub('"', "&quot;")
  return pandoc.RawInline("html", '<span class="figure">' .. text:gsub("<svg", '<svg role="img" aria-label="' .. said .. '"', 1) .. "</span>")
end

local function scrolling(block, label, class)
  return {
    pandoc.RawBlock("html", '<div class="wide' .. (class or "") .. '" tabindex="0" role="region" aria-label="' .. label .. '">'), block,
    pandoc.RawBlock("html", "</div>"),
  }
end
-- Of a few columns, which are texts: one below the other where the window is narrow.
function Table(block) return scrolling(block, "Table", #block.colspecs <= 3 and " few" or "") end
function CodeBlock(block)
  if block.classes[1] ~= "math" then return scrolling(block, "Text as it is") end
  return pandoc.Para({pandoc.Math("DisplayMath", block.text)})
end
-- A formula in a line is not broken up: a long one scrolls where the window is narrow.
function Math(math)
  if math.mathtype == "InlineMath" and #math.text > 24 then return pandoc.Span(math, {class = "formula"}) end
end
function Str(text) assert(not text.text:match("`"), "a code span is broken: " .. text.text) end

-- Anchors that begin the text after a heading move before it, where a reader then arrives; one that is the heading's own
-- goes away.
function Pandoc(doc)
  local blocks, title = pandoc.List(), nil
  for _, block in ipairs(doc.blocks) do
    local before = blocks[#blocks]
    while (block.t == "Para" or block.t == "Plain") and before and before.t == "Header" do
      local first = block.content[1]
      local id = first and first.t == "RawInline" and first.text:match('^<a id="([^"]*)">$')
      if not id then break end
      block.content:remove(1)
      if block.content[1] and block.content[1].text == "</a>" then block.content:remove(1) end
      while block.content[1] and block.content[1].t == "SoftBreak" do block.content:remove(1) end
      if id ~= before.identifier then
        blocks:insert(#blocks, pandoc.RawBlock("html", '<a id="' .. id .. '"></a>'))
      end
    end
    if block.t == "Header" and block.level == 1 then title = title or pandoc.utils.stringify(block) end
    if not (block.t == "Para" and #block.content == 0) then blocks:insert(block) end
  end
  doc.blocks = blocks
  doc.meta.pagetitle, doc.meta.source, doc.meta.root = title, source, root
  return doc
end

return {{Pandoc = Pandoc}, {Link = Link, Image = Image, Table = Table, CodeBlock = CodeBlock, Math = Math, Str = Str}, {Code = Code}}
