import os, sys


def f(a, b, unused):
    x = 1
    if a == True:
        return 1
    else:
        if b != None:
            return 2
    try:
        y = a
    except:
        pass


class C0:
    pass


class C1:
    pass


class C2:
    pass


class C3:
    pass


class C4:
    pass


class C5:
    pass


class C6:
    pass


class C7:
    pass


class C8:
    pass


class C9:
    pass


class C10:
    pass


class C11:
    pass


class C12:
    pass


class C13:
    pass


class C14:
    pass


class C15:
    pass


class C16:
    pass


class C17:
    pass


class C18:
    pass


class C19:
    pass


class C20:
    pass


class C21:
    pass


class C22:
    pass


class C23:
    pass


class C24:
    pass


class C25:
    pass


class C26:
    pass


class C27:
    pass


class C28:
    pass


class C29:
    pass


class C30:
    pass


class C31:
    pass


class C32:
    pass


class C33:
    pass


class C34:
    pass


class C35:
    pass


class C36:
    pass


class C37:
    pass


class C38:
    pass


class C39:
    pass


class C40:
    pass


class C41:
    pass


class C42:
    pass


class C43:
    pass


class C44:
    pass


class C45:
    pass


class C46:
    pass


class C47:
    pass


class C48:
    pass


class C49:
    pass


class C50:
    pass


class C51:
    pass


class C52:
    pass


class C53:
    pass


class C54:
    pass


class C55:
    pass


class C56:
    pass


class C57:
    pass


class C58:
    pass


class C59:
    pass


class C60:
    pass


class C61:
    pass


class C62:
    pass


class C63:
    pass


class C64:
    pass


class C65:
    pass


class C66:
    pass


class C67:
    pass


class C68:
    pass


class C69:
    pass


class C70:
    pass


class C71:
    pass


class C72:
    pass


class C73:
    pass


class C74:
    pass


class C75:
    pass


class C76:
    pass


class C77:
    pass


class C78:
    pass


class C79:
    pass


class C80:
    pass


class C81:
    pass


class C82:
    pass


class C83:
    pass


class C84:
    pass


class C85:
    pass


class C86:
    pass


class C87:
    pass


class C88:
    pass


class C89:
    pass


class C90:
    pass


class C91:
    pass


class C92:
    pass


class C93:
    pass


class C94:
    pass


class C95:
    pass


class C96:
    pass


class C97:
    pass


class C98:
    pass


class C99:
    pass


class C100:
    pass


class C101:
    pass


class C102:
    pass


class C103:
    pass


class C104:
    pass


class C105:
    pass


class C106:
    pass


class C107:
    pass


class C108:
    pass


class C109:
    pass


class C110:
    pass


class C111:
    pass


class C112:
    pass


class C113:
    pass


class C114:
    pass


class C115:
    pass


class C116:
    pass


class C117:
    pass


class C118:
    pass


class C119:
    pass


class C120:
    pass


class C121:
    pass


class C122:
    pass


class C123:
    pass


class C124:
    pass


class C125:
    pass


class C126:
    pass


class C127:
    pass


class C128:
    pass


class C129:
    pass


class C130:
    pass


class C131:
    pass


class C132:
    pass


class C133:
    pass


class C134:
    pass


class C135:
    pass


class C136:
    pass


class C137:
    pass


class C138:
    pass


class C139:
    pass


class C140:
    pass


class C141:
    pass


class C142:
    pass


class C143:
    pass


class C144:
    pass


class C145:
    pass


class C146:
    pass


class C147:
    pass


class C148:
    pass


class C149:
    pass


class C150:
    pass


class C151:
    pass


class C152:
    pass


class C153:
    pass


class C154:
    pass


class C155:
    pass


class C156:
    pass


class C157:
    pass


class C158:
    pass


class C159:
    pass


class C160:
    pass


class C161:
    pass


class C162:
    pass


class C163:
    pass


class C164:
    pass


class C165:
    pass


class C166:
    pass


class C167:
    pass


class C168:
    pass


class C169:
    pass


class C170:
    pass


class C171:
    pass


class C172:
    pass


class C173:
    pass


class C174:
    pass


class C175:
    pass


class C176:
    pass


class C177:
    pass


class C178:
    pass


class C179:
    pass


class C180:
    pass


class C181:
    pass


class C182:
    pass


class C183:
    pass


class C184:
    pass


class C185:
    pass


class C186:
    pass


class C187:
    pass


class C188:
    pass


class C189:
    pass


class C190:
    pass


class C191:
    pass


class C192:
    pass


class C193:
    pass


class C194:
    pass


class C195:
    pass


class C196:
    pass


class C197:
    pass


class C198:
    pass


class C199:
    pass


class C200:
    pass


class C201:
    pass


class C202:
    pass


class C203:
    pass


class C204:
    pass


class C205:
    pass


class C206:
    pass


class C207:
    pass


class C208:
    pass


class C209:
    pass


class C210:
    pass


class C211:
    pass


class C212:
    pass


class C213:
    pass


class C214:
    pass


class C215:
    pass


class C216:
    pass


class C217:
    pass


class C218:
    pass


class C219:
    pass


class C220:
    pass


class C221:
    pass


class C222:
    pass


class C223:
    pass


class C224:
    pass


class C225:
    pass


class C226:
    pass


class C227:
    pass


class C228:
    pass


class C229:
    pass


class C230:
    pass


class C231:
    pass


class C232:
    pass


class C233:
    pass


class C234:
    pass


class C235:
    pass


class C236:
    pass


class C237:
    pass


class C238:
    pass


class C239:
    pass


class C240:
    pass


class C241:
    pass


class C242:
    pass


class C243:
    pass


class C244:
    pass


class C245:
    pass


class C246:
    pass


class C247:
    pass


class C248:
    pass


class C249:
    pass


class C250:
    pass


class C251:
    pass


class C252:
    pass


class C253:
    pass


class C254:
    pass


class C255:
    pass


class C256:
    pass


class C257:
    pass


class C258:
    pass


class C259:
    pass


class C260:
    pass


class C261:
    pass


class C262:
    pass


class C263:
    pass


class C264:
    pass


class C265:
    pass


class C266:
    pass


class C267:
    pass


class C268:
    pass


class C269:
    pass


class C270:
    pass


class C271:
    pass


class C272:
    pass


class C273:
    pass


class C274:
    pass


class C275:
    pass


class C276:
    pass


class C277:
    pass


class C278:
    pass


class C279:
    pass


class C280:
    pass


class C281:
    pass


class C282:
    pass


class C283:
    pass


class C284:
    pass


class C285:
    pass


class C286:
    pass


class C287:
    pass


class C288:
    pass


class C289:
    pass


class C290:
    pass


class C291:
    pass


class C292:
    pass


class C293:
    pass


class C294:
    pass


class C295:
    pass


class C296:
    pass


class C297:
    pass


class C298:
    pass


class C299:
    pass
